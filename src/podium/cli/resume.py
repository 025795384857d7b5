"""`podium resume RUN`: put a parked run back in line, and drive one that nothing drives."""

from __future__ import annotations

import os
import shlex

import click

from ..client import RESUMED, App, Operator, operator
from ..errors import WrongState
from ..inspect import also_parked, find_code, folders_of, living, offered, way_on
from ..inspect.undriven import undriven
from ..model import RunRow, State
from ..opening import store_flag
from . import formatting, options
from .asking import asking
from .driving import drive_again, require_engine
from .exit_codes import FINE
from .lookup import tell_standing
from .many import Chosen, agreed, each
from .target import TargetNotFound
from .terminal import safe, tell

_RUNS = "it runs already, in another process"
_IN_LINE = frozenset({State.QUEUED, State.RUNNING, State.WAITING})


@click.command(cls=options.QueryCommand, context_settings=options.HELP)
@click.option("--detach", is_flag=True, help="Only put it back in line; another process drives it.")
@options.steering("Ids only; no progress.")
@options.by
def command(
    query: tuple[str, ...],
    detach: bool,
    yes: bool,
    dry_run: bool,
    by: str | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Go on with a parked or left-behind run, here.

    With a query (see `podium runs -h`) all that match and are parked are put back in line, for whatever
    process has their code: `podium resume workflow:daily`. What is in line and left behind is driven by
    `podium worker`, as a line then says.
    """
    who = operator(by)
    with asking(store) as app:
        chosen = Chosen(app, query, RESUMED)
        if not agreed(chosen, "resume", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            if not (dry_run or chosen.rows or quiet):
                _tell_left_behind(app, query, chosen)
            return FINE
        if detach or chosen.by_query or len(chosen.rows) != 1:
            code = each(chosen.rows, lambda row: (row.id, _put_in_line(app, row, who)), as_json, quiet)
            if len(chosen.rows) == 1 and not quiet:
                _tell_parked_below(app, chosen.rows[0])
                tell_standing(app, chosen.rows[0].id)
            elif not quiet:
                _tell_left_behind(app, query, chosen)
            return code
        (row,) = chosen.rows
        _require_open(row)
        _require_code(app, row)
        require_engine()
        if not quiet:
            _tell_parked_below(app, row)
            if _runs(app, row):
                tell(f"{_RUNS}; followed from here")

    def begin(driving: App) -> str:
        if row.state is State.PARKED:
            driving.resume(row.id, who).result()
        return row.id

    return drive_again(app.url, row, begin, as_json=as_json, quiet=quiet)


def _tell_parked_below(app: App, row: RunRow) -> None:
    """It may wait for what it has started, and for ever."""
    if also := also_parked(app.store, row):
        tell(safe(also))


def _require_code(app: App, row: RunRow) -> None:
    """Refuse to drive what is not there any more by its name, with what it may be called now."""
    way = way_on(app, row, offered(living(app)))
    if way.why:
        raise TargetNotFound(safe(way.why[0]), fix=safe(way.said))


def _put_in_line(app: App, row: RunRow, by: Operator) -> str:
    _require_open(row)
    if row.state is State.PARKED:
        app.resume(row.id, by).result()
        return "in line"
    if _runs(app, row):
        return f"{_RUNS}; nothing was done"
    return "in line already" if row.due is None or row.due <= app.env.now() else "it waits, as it should"


def _tell_left_behind(app: App, query: tuple[str, ...], chosen: Chosen) -> None:
    """Say which command drives the ones that are meant, are in line, and that nothing drives."""
    also = Chosen(app, query, _IN_LINE).rows if chosen.by_query else []
    now = (app.store.load(row.id) for row in chosen.rows)  # one may have been deleted meanwhile
    rows = {row.id: row for row in (*also, *now) if row is not None}
    left = undriven(rows.values(), living(app))
    code = {(row.function, row.starter) for row in left}
    places = {one: find_code(*one, folders_of(app.url, one[1])) for one in code}
    left = [row for row in left if places[row.function, row.starter]]
    if left:
        served = sorted({_as_module(places[row.function, row.starter]) for row in left})
        worker = f"{shlex.join(['podium', 'worker', *served])}{store_flag(app.url)}"
        it = "it" if len(left) == 1 else "them"
        tell(f"{formatting.many(len(left), 'run')} in line, and nothing drives {it}: {worker}")


def _as_module(place: str) -> str:
    return os.path.relpath(place) if os.path.isabs(place) else place


def _runs(app: App, row: RunRow) -> bool:
    """Whether a living process drives it; what a dead one held is in line for whoever looks next."""
    return row.state is State.RUNNING and not app.decisions.is_left(row)


def _require_open(row: RunRow) -> None:
    if row.state.is_final:
        fix = f"podium retry {row.id}" if row.state is not State.SUCCEEDED else f"podium show {row.id}"
        raise WrongState(f"run {row.id} is {row.state}", fix=fix)
