"""`podium series`: what was measured, as a line and as numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from podium import App
from podium.cli.main import command_line
from podium.model import Measure
from tests.store.words import engine, fenced, own


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a series of ten points, half of them of one machine, and one of a single point."""
    file = tmp_path / "podium.db"
    app = App(file, drives="nothing")
    app.store.announce(engine("e1"))
    own(app.store, "r1")
    begin = app.env.now() - 3600.0
    points = [
        Measure("heat", begin + 60 * n, float(n), f'{{"machine":"{n % 2}"}}', "s", ordinal=n)
        for n in range(10)
    ]
    app.store.commit("e1", [fenced("r1", measures=(*points, Measure("cold", begin, -1.5)))])
    app.close()
    return file


def run(store: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(command_line, ["series", *words, "--store", str(store)])
    assert result.exit_code == code, result.output
    return result


def answer(store: Path, *words: str) -> dict[str, Any]:
    return json.loads(run(store, *words, "--json").stdout)


def test_all_series_with_their_last_value(store: Path) -> None:
    lines = run(store).stdout.splitlines()
    assert [line.split(" at ")[0] for line in lines] == ["cold  1 point  -1.5", "heat  10 points  9"]
    assert [each["name"] for each in answer(store)["series"]] == ["cold", "heat"]


def test_one_series_as_a_line(store: Path) -> None:
    lines = run(store, "heat").stdout.splitlines()
    assert lines[0] == "heat  10 points"
    assert (lines[1].strip()[0], lines[1][-1]) == ("▁", "█")
    assert "last 9   low 0   mean 4.5   high 9" in lines[3]
    assert lines[4] == "  by r1"
    assert "▄" in run(store, "cold").stdout, "a single point has no height"


def test_quiet_is_for_pipes(store: Path) -> None:
    assert run(store, "-q").stdout == "cold\nheat\n"
    assert run(store, "heat", "-q").stdout == "9\n"


def test_tags_and_time_narrow_it_down(store: Path) -> None:
    assert answer(store, "heat", "--tag", "machine=1")["count"] == 5
    assert answer(store, "heat", "--tag", "machine=3")["count"] == 0
    assert "none of them is asked for" in run(store, "heat", "--tag", "machine=3").stdout
    assert answer(store, "heat", "--since", "57m30s")["count"] == 7
    assert answer(store, "heat", "--since", "2020-01-01")["count"] == 10


def test_what_cannot_be_is_told(store: Path) -> None:
    assert "no series is named 'head'" in run_error(store, "head")
    assert "KEY=TEXT is needed" in run_error(store, "heat", "--tag", "machine")
    assert "is neither" in run_error(store, "heat", "--since", "long ago")
    assert "are for one series" in run_error(store, "--since", "1h")


def run_error(store: Path, *words: str) -> str:
    result = CliRunner().invoke(command_line, ["series", *words, "--store", str(store)])
    return str(result.exception)
