"""docs/patterns.md and the programs agree, no control-flow pattern is left out, and `play` can fail."""

from __future__ import annotations

import pytest

from podium import task, workflow
from tests.patterns.conftest import Play
from tests.patterns.page import GROUPS, HERE, NONE, PAGE, page, patterns
from tests.patterns.steps import done


@task
async def careless(name: str) -> None:
    done.append(name)


@workflow
async def pays() -> None:
    await careless("paid")


def test_the_page_is_what_the_programs_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.patterns.page"


def test_each_control_flow_pattern_is_there_once() -> None:
    names = [each.name for group in GROUPS for each in patterns(group)] + list(NONE)
    numbers = sorted(int(name.split()[0]) for name in names if name[0].isdigit())
    assert numbers == list(range(1, 44))
    assert len(set(names)) == len(names)


def test_each_has_words_and_each_file_is_a_group() -> None:
    assert all(each.text for group in GROUPS for each in patterns(group))
    files = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")}
    assert files - {"page"} == set(GROUPS)


def test_a_program_whose_effect_a_crash_repeats_is_refused(play: Play) -> None:
    with pytest.raises(AssertionError, match="/careless"):
        play(pays)
