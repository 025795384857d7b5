"""How long a run will probably take, by those of its function that went well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from podium import App
from podium.cli.drawing import frame
from podium.cli.view import View
from podium.inspect import Expected, forecast
from podium.inspect.expected import expected
from podium.model import EngineRow, Fence, Move, NewRun, State, Write

FLOW = "app:daily"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path / "x.db", drives="nothing") as app:
        app.store.announce(EngineRow(id="e1", beat=0, host="h", pid=1, started=1.0))
        yield app


def ran(app: App, id: str, seconds: float, to: State = State.SUCCEEDED, origin: str = "") -> None:
    """A run that has taken so long."""
    run = NewRun(id, FLOW, b"{}", b"digest", 100.0, owned=True, origin=origin)
    app.store.commit("e1", [Write(new_runs=(run,))])
    fence = Fence(id, 1, frozenset({State.RUNNING}))
    app.store.commit("e1", [Write(fence=fence, move=Move(to, at=100.0 + seconds))])


def test_three_that_went_well_are_needed(app: App) -> None:
    ran(app, "a", 10.0)
    ran(app, "b", 30.0)
    ran(app, "failed", 5.0, State.FAILED)
    ran(app, "retry", 1.0, origin="failed")
    assert expected(app, FLOW) is None
    ran(app, "c", 80.0)
    assert expected(app, FLOW) == Expected(30.0, 3)
    assert expected(app, "app:other") is None


def test_the_newest_twenty_are_gone_by(app: App) -> None:
    for n in range(30):
        ran(app, f"r{n:02}", 500.0 if n < 10 else 7.0)
    assert expected(app, FLOW) == Expected(7.0, 20)


def test_the_forecast_says_by_what_and_when_it_was_wrong() -> None:
    assert forecast(Expected(150.0, 12), 30.0) == "about 2 min left, by the median of 12 runs"
    assert forecast(Expected(20.0, 3), 30.0) == "longer than usual: 20 s, the median of 3 runs"


def test_the_live_tree_says_it_of_a_run_that_runs() -> None:
    view = View("daily", 100.0)
    view.usual = Expected(60.0, 3)
    view.state = State.RUNNING
    assert "left, by the median of 3 runs" in click.unstyle(frame(view, 110.0, 40)[0])
    view.state = State.SUCCEEDED
    assert "median" not in click.unstyle(frame(view, 110.0, 40)[0])
