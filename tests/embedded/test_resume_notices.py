"""A program that goes on with many runs says so in a few lines, however slowly it comes to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import podium
from podium import App, EngineStopped, RunParked, task, workflow
from podium.client.resume_notice import ResumeNotices
from podium.engine import Met, mended
from podium.functions import Function
from podium.model import RunRow
from podium.store import Store
from tests.waiting import until


@workflow
def rests(n: int) -> int:
    podium.sleep(600)
    return n


@workflow
def parks(n: int) -> int:
    return len(open(f"{n}.txt").read())  # refused, and that parks the run


@task
def starts_rests(count: int) -> list[str]:
    return [rests.start(n).id for n in range(count)]


def told_again(store: Path, count: int, by_task: bool = False) -> list[str]:
    """What is said where so many runs are gone on with, one after the other."""
    with App(store, starter="script.py"):
        left = [rests.start(n).id for n in range(count)]
    told: list[str] = []
    with App(store, starter="script.py", notice=told.append):
        if by_task:
            assert starts_rests.start(count).result(30) == left
        else:
            assert [rests.start(n).id for n in range(count)] == left
    return [line for line in told if "resumed" in line]


@pytest.mark.parametrize(
    ("count", "said"), [(3, []), (4, ["podium: resumed 1 more run"]), (12, ["podium: resumed 9 more runs"])]
)
def test_after_a_few_their_number_is_said(tmp_path: Path, count: int, said: list[str]) -> None:
    told = told_again(tmp_path / "podium.db", count)
    assert len([line for line in told if "on record" in line]) == 3
    assert told[3:] == said


def test_so_it_is_where_a_task_starts_them(tmp_path: Path) -> None:
    told = told_again(tmp_path / "podium.db", 12, by_task=True)
    assert told[3:] == ["podium: resumed 9 more runs"]


def test_the_number_comes_when_no_more_of_them_do(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db", starter="script.py"):
        left = [rests.start(n).id for n in range(5)]
    told: list[str] = []
    with App(tmp_path / "podium.db", starter="script.py", notice=told.append):
        assert [rests.start(n).id for n in range(5)] == left
        until(lambda: "podium: resumed 2 more runs" in told)


def test_calls_that_have_parked_runs_are_counted_apart(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db", starter="script.py"):
        for n in range(5):
            with pytest.raises(RunParked):
                parks.start(n).result(30)
    told: list[str] = []
    with App(tmp_path / "podium.db", starter="script.py", notice=told.append):
        for n in range(5):
            assert parks.start(n).id
    assert [line for line in told if "more" in line] == [
        "podium: 2 more calls have runs that are parked: podium runs status:parked"
    ]


def test_what_comes_as_the_app_closes_is_answered_and_not_told(tmp_path: Path) -> None:
    told: list[str] = []
    answers: list[object] = []
    with App(tmp_path / "podium.db") as app:
        notices = ResumeNotices(app.env, told.append, lambda: app.store)
        notices.close()
        for n in range(20):
            notices.add([(f"run-{n}", Met.AWAY)], f"run-{n}", answers.append)
            until(lambda: len(answers) == n + 1)  # noqa: B023  # within its turn
    assert told == []


def test_an_app_that_closes_looks_no_more_at_what_its_starts_come_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with App(tmp_path / "podium.db", starter="script.py"):
        rests.start_many(range(50))
    app = App(tmp_path / "podium.db", starter="script.py", notice=lambda _: None)
    engine, looks = app.host.engine, list[str]()

    def slow(store: Store, functions: Mapping[str, Function], row: RunRow, now: float) -> list[Any]:
        looks.append(row.id)
        until(lambda: engine.lifecycle.stopping)
        return []

    monkeypatch.setattr(mended, "stuck_below", slow)

    def start() -> None:
        with app, pytest.raises(EngineStopped):
            rests.start_many(range(50))

    starting = Thread(target=start)
    starting.start()
    until(lambda: looks)
    app.close()
    starting.join(30)
    assert not starting.is_alive()
    assert len(looks) == 1, "each took a millisecond, and there may be thousands"
