"""`podium runs`: a table that drops columns, never characters of an id or a state."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import msgspec

from ..client import App
from ..env import RealEnv
from ..errors import RunNotFound, UsageError
from ..model import Query, RunRow, State
from . import options, words
from .lookup import looking
from .main import FINE
from .terminal import say, tell, width

_PAGE = 500


class Column(NamedTuple):
    title: str
    worth: int  # the lowest is dropped first
    cells: list[str]

    @property
    def width(self) -> int:
        return max(len(click.unstyle(cell)) for cell in (self.title, *self.cells))


@click.command(context_settings=options.HELP)
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only these: " + ", ".join(State))
@click.option("--function", metavar="NAME", help="Only runs of this function, with or without its module.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@options.store
@options.as_json
@click.option("--quiet", is_flag=True, help="Ids only.")
def command(
    states: tuple[str, ...], function: str | None, limit: int, store: str | None, as_json: bool, quiet: bool
) -> int:
    """List runs, newest first."""
    wanted = frozenset(map(_state, states)) or None
    rows: list[RunRow] = []
    try:
        with looking(store) as app:
            rows = _find(app, wanted, function, limit)
    except RunNotFound as error:  # no store is no error for a list, only an empty one
        tell(error.message)
    if as_json:
        say(msgspec.json.encode({"version": 1, "runs": [run_json(row) for row in rows]}).decode())
    elif quiet:
        for row in rows:
            say(row.id)
    elif rows:
        for line in table(rows, RealEnv().now(), width(sys.stdout)):
            say(line)
        if len(rows) == limit:
            tell(words.dim(f"the newest {limit}; more: --limit {limit * 10}"))
    else:
        tell("no runs" + (" match" if states or function else " yet: podium run module:workflow"))
    return FINE


def _state(text: str) -> State:
    try:
        return State(text.lower())
    except ValueError:
        near = difflib.get_close_matches(text, list(State), 1)
        fix = f"nearest: {near[0]}" if near else "there are: " + ", ".join(State)
        raise UsageError(f"there is no state {text!r}", fix=fix) from None


def _find(app: App, states: frozenset[State] | None, function: str | None, limit: int) -> list[RunRow]:
    if function is None or ":" in function:
        return app.find(Query(states=states, function=function, limit=limit))
    found: list[RunRow] = []
    before: str | None = None
    while page := app.find(Query(states=states, before=before, limit=_PAGE)):
        found += [row for row in page if row.function.rpartition(":")[2] == function]
        if len(found) >= limit or len(page) < _PAGE:
            break
        before = page[-1].id
    return found[:limit]


def table(rows: list[RunRow], now: float, columns: int | None) -> Iterator[str]:
    """Title and a line per run, at most so many columns wide; None: as wide as they are."""
    all_columns = [
        Column("id", 9, [row.id for row in rows]),
        Column("state", 8, [words.state(row.state) for row in rows]),
        Column("function", 7, [words.label(row.function) for row in rows]),
        Column("created", 6, [words.ago(row.created, now) for row in rows]),
        Column("took", 4, [_took(row, now) for row in rows]),
        Column("record", 3, [f"{row.entries:,}" for row in rows]),
        Column("input", 5, [words.call(row.args, 40 if columns else 200) for row in rows]),
    ]
    shown = _fitting(all_columns, columns)
    for number in range(-1, len(rows)):
        cells = [column.title if number < 0 else column.cells[number] for column in shown]
        padded = [
            cell + " " * (column.width - len(click.unstyle(cell)))
            for cell, column in zip(cells, shown, strict=True)
        ]
        line = "  ".join(padded).rstrip()
        yield words.dim(line) if number < 0 else line


def _fitting(columns: list[Column], most: int | None) -> list[Column]:
    shown = list(columns)
    while most is not None and len(shown) > 2 and sum(c.width + 2 for c in shown) - 2 > most:
        shown.remove(min(shown, key=lambda column: column.worth))
    return shown


def _took(row: RunRow, now: float) -> str:
    if row.started is None:
        return ""
    if row.ended is not None:
        return words.span(row.ended - row.started)
    return words.span(now - row.started) if row.state is State.RUNNING else ""


def run_json(row: RunRow) -> dict[str, Any]:
    """A run as programs see it; keys may be added, never renamed."""
    return {
        "id": row.id,
        "state": str(row.state),
        "function": row.function,
        "input": msgspec.Raw(row.args or b"{}"),
        "created": words.iso(row.created),
        "started": words.iso(row.started),
        "ended": words.iso(row.ended),
        "due": words.iso(row.due),
        "entries": row.entries,
        "owners_lost": row.lost,
        "inbox": row.inbox,
        "logs": row.logs,
        "starter": row.starter,
        "parent": row.parent or None,
        "tags": row.tags.split(),
    }
