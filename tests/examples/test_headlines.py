"""Headlines by year: the numbers, killed in the middle, and what has not changed is not scored again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples.headlines import scorers, source
from examples.headlines.flow import LIMIT
from tests.examples.support import program, said

NAME = "examples.headlines"
SOUND = {"good": "a good day", "bad": "a wrong turn", "plain": "the sky"}


def scored(text: str) -> list[str]:
    return re.findall(r"^scored (\S+)$", text, re.MULTILINE)


@pytest.fixture
def years(tmp_path: Path) -> Path:
    """Ten years of headlines; the stray carriage return ends no line."""
    folder = tmp_path / "years"
    folder.mkdir()
    for n in range(10):
        lines = [SOUND["good"]] * n + [SOUND["bad"]] * 2 + ["", f"{SOUND['plain']}\r over it"]
        (folder / f"news_{2001 + n}.txt").write_bytes("\n".join(lines).encode())
    return folder


def test_python_s_own_help_is_the_default_and_a_second_report_scores_nothing(tmp_path: Path) -> None:
    first = said(tmp_path, NAME)
    texts = sum(len(source.clean(name, source.load(None, name)).lines) for name in source.groups(None))
    assert first.endswith(f"{texts:,} texts\n")
    assert sorted(scored(first)) == source.groups(None)
    again = said(tmp_path, NAME)
    assert scored(again) == []
    assert again == re.sub(r"scored .*\n", "", first)


def test_the_numbers_and_a_year_that_has_changed(tmp_path: Path, years: Path) -> None:
    first = said(tmp_path, NAME, str(years))
    assert "2008: 7 positive, 2 negative of 10, mean +0.500" in first
    assert first.endswith("75 texts\n")
    with (years / "news_2004.txt").open("a") as file:
        file.write(f"\n{SOUND['bad']}\n")
    again = said(tmp_path, NAME, str(years))
    assert scored(again) == ["2004"]
    assert "2004: 3 positive, 3 negative of 7, mean +0.000" in again


def test_scores_that_somebody_has_recorded_are_compared(tmp_path: Path, years: Path) -> None:
    known = tmp_path / "known"
    known.mkdir()
    (known / "2003.txt").write_text("a good day : 1.0\na wrong turn : 0.5\nno score here : none\n")
    assert said(tmp_path, NAME, str(years), "--recorded", str(known)).endswith(
        "1 of 2 equal to the recorded scores\n"
    )


def test_killed_in_the_middle_it_scores_no_year_twice_that_is_on_record(tmp_path: Path, years: Path) -> None:
    words = (NAME, str(years), "--seconds", "0.1")
    first = program(tmp_path, *words)
    assert first.stdout is not None
    before = scored("".join(first.stdout.readline() for _ in range(2 * LIMIT)))
    first.kill()
    first.communicate()
    again = said(tmp_path, *words)
    assert again.endswith("75 texts\n")
    made = scored(again)
    assert not set(before[:LIMIT]) & set(made), "others began when these were on record"
    assert len(set(before) | set(made)) == 10
    assert len(made) <= 10 - LIMIT


def test_scorers_agree_but_for_one_word() -> None:
    assert scorers.score("words", "Good prices, wrong size") == 0.0
    assert scorers.score("words", "good black shoes") == 1.0
    assert scorers.score("literal", "good black shoes") == 0.0
