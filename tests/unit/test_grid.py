"""Runs and their steps as a grid, from their records."""

from __future__ import annotations

from podium.inspect import record_of
from podium.inspect.grid import GridCell, grid
from podium.model import Entry, Kind, RunRow, State


def row(id: str, state: State, took: float | None = 1.0) -> RunRow:
    ended = None if took is None else 10.0 + took
    return RunRow(
        id, "flows:crawl", state, 1, None, 10.0, 10.0, ended, None, b"", b"", b"", 0, 0, "", "", (), 0
    )


def entry(seq: int, step: str, kind: Kind = Kind.RESULT) -> Entry:
    return Entry(seq, kind, seq, step=step, began=seq - 0.5, attempt=1)


FULL = [
    entry(1, "/list"),
    entry(2, "1.0/fetch", Kind.RETRY),
    *(entry(3 + n, f"1.{n}/fetch") for n in range(4)),
    entry(9, "/store"),
]
SHORT = [entry(1, "/list"), entry(2, "1.0/fetch"), entry(3, "1.1/fetch", Kind.ERROR)]


def test_each_run_is_a_column_and_each_function_a_row_in_order() -> None:
    records = {"new": record_of(SHORT, State.FAILED), "old": record_of(FULL, State.SUCCEEDED)}
    drawn = grid([row("new", State.FAILED), row("old", State.SUCCEEDED, 3.0)], lambda one: records[one.id])
    assert [(each.function, each.most) for each in drawn.rows] == [("list", 1), ("fetch", 4), ("store", 1)]
    assert [run.id for run in drawn.runs] == ["old", "new"]
    assert drawn.median == 3.0
    assert drawn.runs[0].cells[1] == GridCell(4, 4, "succeeded", 1)
    assert drawn.runs[1].cells[1:] == [GridCell(2, 2, "failed", 0), GridCell(0, 0, "", 0)]  # never reached


def test_what_a_run_left_behind_is_cancelled_and_what_it_waits_for_is_not() -> None:
    waits = [entry(1, "/fetch", Kind.RETRY)]
    assert record_of(waits, State.CANCELLED).cells["fetch"].state == "cancelled"
    assert record_of(waits, State.RUNNING).cells["fetch"].state == "retrying"


def test_a_function_that_only_some_runs_call_stands_behind_what_it_came_after() -> None:
    records = {
        "a": record_of([entry(1, "/list"), entry(2, "/fetch"), entry(3, "/store")], State.SUCCEEDED),
        "b": record_of([entry(1, "/list"), entry(2, "/skip")], State.SUCCEEDED),
    }
    drawn = grid([row("a", State.SUCCEEDED), row("b", State.SUCCEEDED)], lambda one: records[one.id])
    assert [each.function for each in drawn.rows] == ["list", "skip", "fetch", "store"]


def test_a_record_that_was_not_read_has_no_cells() -> None:
    drawn = grid([row("a", State.RUNNING, None)], lambda one: None)
    assert (drawn.rows, drawn.runs[0].cells, drawn.runs[0].took) == ([], [], None)
