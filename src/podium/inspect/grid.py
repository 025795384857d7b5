"""Runs beside each other: each a column, each function that they called a row: where do they end?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from ..model import UNFINISHED, Entry, RunRow, State
from .dates import iso
from .progress import RunProgress, StepCounts

ENTRIES_MAX = 100_000  # read for one grid; of runs beyond these only the state is shown


class GridCell(msgspec.Struct, frozen=True):
    """What one run did of one function. `done` of `n` steps are over; `n` is 0 where it was never reached.
    `state` is succeeded, failed, retrying, running, or cancelled where the run ended before them."""

    n: int
    done: int
    state: str
    retried: int


class GridRun(msgspec.Struct, frozen=True, kw_only=True):
    """A column: a run and its cells, in the order of the rows. Without cells its record was too long to be
    read for this. `took`: seconds."""

    id: str
    state: str
    created: str | None
    took: float | None
    owners_lost: int
    cells: list[GridCell]


class GridRow(msgspec.Struct, frozen=True):
    """A function, and the most steps of it that one of the runs has."""

    function: str
    most: int


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of a workflow, the oldest first. `median`: seconds, of those that went well."""

    workflow: str
    median: float | None
    rows: list[GridRow]
    runs: list[GridRun]


class Record(msgspec.Struct, frozen=True):
    """What a grid keeps of a run: the counts of each function, in order of appearance."""

    cells: dict[str, GridCell]


def record_of(entries: Iterable[Entry], state: State) -> Record:
    """The counts of a run in this state, from its entries."""
    functions = RunProgress(entries).functions
    return Record({name: _cell(counts, state) for name, counts in functions.items()})


def grid(rows: Sequence[RunRow], record: Callable[[RunRow], Record | None]) -> Grid:
    """The runs of one workflow, given the newest first, as a grid. `record`: that of a run, or None."""
    columns = [(row, record(row)) for row in reversed(rows)]
    names = _names([found for _, found in columns if found is not None])
    most = {
        name: max(found.cells[name].n for _, found in columns if found and name in found.cells)
        for name in names
    }
    nothing = GridCell(0, 0, "", 0)
    took = sorted(
        row.ended - row.started
        for row in rows
        if row.state is State.SUCCEEDED and row.ended is not None and row.started is not None
    )
    return Grid(
        workflow=rows[0].function,
        median=took[len(took) // 2] if took else None,
        rows=[GridRow(name, most[name]) for name in names],
        runs=[
            GridRun(
                id=row.id,
                state=str(row.state),
                created=iso(row.created),
                took=row.ended - row.started if row.ended and row.started else None,
                owners_lost=row.lost,
                cells=[] if found is None else [found.cells.get(name, nothing) for name in names],
            )
            for row, found in columns
        ],
    )


def _names(records: list[Record]) -> list[str]:
    """Functions of all runs: as the longest record has them, a further one behind what it came after."""
    names: list[str] = []
    for found in sorted(records, key=lambda one: len(one.cells), reverse=True):
        at = 0
        for name in found.cells:
            if name in names:
                at = names.index(name) + 1
            else:
                names.insert(at, name)
                at += 1
    return names


def _cell(counts: StepCounts, state: State) -> GridCell:
    n = counts.ended + counts.unfinished
    if counts.failed:
        said = "failed"
    elif not counts.unfinished:
        said = "succeeded"
    elif state not in UNFINISHED:
        said = "cancelled"
    else:
        said = "retrying" if counts.retrying else "running"
    return GridCell(n, counts.ended, said, counts.retried)
