"""`podium runs [QUERY]`: a table that drops columns, never characters of an id or a state."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import click

from ..env import RealEnv
from ..errors import RunNotFound
from ..inspect import SearchResult, living, pages, parse, run_fields, schedule_of
from ..inspect.search import search
from ..inspect.undriven import undriven
from ..model import RunRow, State
from . import formatting, options
from .columns import Column, lines_of
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import is_named, looking
from .terminal import safe, say, tell, width

_LISTED = 20
_HELP = """List runs, newest first.

    \b
    A QUERY narrows down, word by word:
      status:failed        also running, open (not ended), ended, done ...
      workflow:daily       with or without its module; daily* begins so
      started:2h           within two hours; today; 2026-11-20 on that day
      'started:>2h'        longer ago; '<2026-11-20' before; quote < and >
      created: ended:      the same
      tag:nightly  id:1m8a  origin:1m8a  parent:1m8a  root:1m8a
      input.city:Oslo      what it was called with
      oslo                 a word in its id, function or tags
      -status:done         not that;  status:failed,parked  either
    """


@click.command(cls=options.QueryCommand, context_settings=options.HELP, help=_HELP)
@options.query
@click.option(
    "-n", "--limit", type=click.IntRange(1, options.COUNT_MAX),
    help="At most so many; default: 20, with -q all.",
)  # fmt: skip
@options.store
@options.as_json
@options.quiet("Ids only, of all that match unless -n says otherwise.")
def command(query: tuple[str, ...], limit: int | None, store: str | None, as_json: bool, quiet: bool) -> int:
    wanted = parse(query, RealEnv().now())
    found = SearchResult([], False, None)
    left: set[str] = set()
    try:
        with looking(store) as view:
            if quiet and limit is None and not as_json:  # a script's, which would take the first 20 for all
                for page in pages(view, wanted):
                    for row in page:
                        say(row.id)
                return FINE
            limit = limit or _LISTED
            found = search(view, wanted, limit)
            left = {row.id for row in undriven(found.rows, living(view))}
    except RunNotFound as error:
        if is_named(store):
            raise
        tell(error.message)  # a project without runs has no store yet
    if as_json:
        rows = [{**run_fields(row), "undriven": row.id in left} for row in found.rows]
        say_json(runs=rows, more=found.more, looked_at=found.looked_at)
    elif quiet:
        for row in found.rows:
            say(row.id)
    else:
        _list(found, left, limit or _LISTED, bool(query))
    if found.looked_at is not None:
        tell(f"only the newest {found.looked_at:,} runs were looked at; narrow it down: created:7d")
    return FINE


def _list(found: SearchResult, left: Collection[str], limit: int, asked: bool) -> None:
    for line in table(found.rows, left, RealEnv().now(), width(sys.stdout)) if found.rows else ():
        say(line)
    if left:
        which = next(row.id for row in reversed(found.rows) if row.id in left)
        tell(formatting.dim(f"undriven: no live engine drives {_such(left)}; podium why {which}"))
    if found.more:
        tell(formatting.dim(f"the newest {limit}; more: -n {limit * 10}"))
    elif not found.rows and found.looked_at is None:
        tell("no runs match" if asked else "no runs yet: podium run module:workflow")


def _such(left: Collection[str]) -> str:
    return "such a run" if len(left) == 1 else f"these {len(left)} runs"


def _input(row: RunRow, width: int) -> str:
    """What a run was called with; of a schedule's own run which one it is."""
    schedule = schedule_of(row)
    return safe(schedule[0]) if schedule is not None else formatting.call(row.args, width)


def table(rows: list[RunRow], left: Collection[str], now: float, columns: int | None) -> Iterator[str]:
    """Title and a line per run, at most so many columns wide; None: as wide as they are."""
    all_columns = [
        Column("id", 9, [safe(row.id) for row in rows]),
        Column("state", 8, [_state(row, left) for row in rows]),
        Column("function", 7, _functions(rows)),
        Column("created", 6, [formatting.ago(row.created, now) for row in rows]),
        Column("took", 4, [_took(row, now) for row in rows]),
        Column("entries", 3, [f"{row.entries:,}" for row in rows]),
        Column("input", 5, [_input(row, 40 if columns else 200) for row in rows]),
    ]
    return lines_of(all_columns, columns)


def _functions(rows: Sequence[RunRow]) -> list[str]:
    """Without their modules, but where two in the list are called alike."""
    alike = Counter(name.rpartition(":")[2] for name in {row.function for row in rows})
    return [
        formatting.label(row.function) if alike[row.function.rpartition(":")[2]] == 1 else safe(row.function)
        for row in rows
    ]


def _state(row: RunRow, left: Collection[str]) -> str:
    return f"{formatting.state(row.state)}, undriven" if row.id in left else formatting.state(row.state)


def _took(row: RunRow, now: float) -> str:
    if row.started is None:
        return ""
    if row.ended is not None:
        return formatting.span(row.ended - row.started)
    return formatting.span(now - row.started) if row.state is State.RUNNING else ""
