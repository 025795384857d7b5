"""docs/patterns.md and the programs agree, and no control-flow pattern is left out."""

from __future__ import annotations

from tests.patterns.page import GROUPS, HERE, NONE, PAGE, page, patterns


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
