"""`podium resume RUN`: put a parked run back in line, and drive what nobody drives."""

from __future__ import annotations

import click

from ..client import RESUMED, App
from ..errors import WrongState
from ..inspect import living, offered, way_on
from ..model import RunRow, State
from . import options
from .driving import drive_again, require_engine
from .lookup import looking, tell_standing
from .main import FINE
from .many import Chosen, agreed, each
from .target import TargetNotFound
from .terminal import safe, tell

_RUNS = "it runs already, in another process"


@click.command(cls=options.Asking, context_settings=options.HELP)
@click.option("--detach", is_flag=True, help="Only put it back in line; another process drives it.")
@options.steering("Ids only; no progress.")
def command(
    query: tuple[str, ...],
    detach: bool,
    yes: bool,
    dry_run: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Go on with a parked or left-behind run, here.

    With a query (see `podium runs -h`) all that match and are parked are put back in line, for whatever
    process has their code: `podium resume workflow:daily`.
    """
    with looking(store) as app:
        chosen = Chosen(app, query, RESUMED)
        if not agreed(chosen, "resume", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        if detach or chosen.by_query or len(chosen.rows) != 1:
            code = each(chosen.rows, lambda row: (row.id, _put_in_line(app, row)), as_json, quiet)
            if len(chosen.rows) == 1 and not quiet:
                tell_standing(app, chosen.rows[0].id)
            return code
        (row,) = chosen.rows
        _require_open(row)
        _require_code(app, row)
        require_engine()
        if not quiet and _runs(app, row):
            tell(f"{_RUNS}; followed from here")

    def begin(driving: App) -> str:
        if row.state is State.PARKED:
            driving.resume(row.id).result()
        return row.id

    return drive_again(app.url, row, begin, as_json=as_json, quiet=quiet)


def _require_code(app: App, row: RunRow) -> None:
    """Refuse to drive what is not there any more by its name, with what it may be called now."""
    way = way_on(app, row, offered(living(app)))
    if way.why:
        raise TargetNotFound(safe(way.why[0]), fix=safe(way.said))


def _put_in_line(app: App, row: RunRow) -> str:
    _require_open(row)
    if row.state is State.PARKED:
        app.resume(row.id).result()
        return "in line"
    if _runs(app, row):
        return f"{_RUNS}; nothing was done"
    return "in line already" if row.due is None or row.due <= app.env.now() else "it waits, as it should"


def _runs(app: App, row: RunRow) -> bool:
    """Whether a living process drives it; what a dead one held is in line for whoever looks next."""
    return row.state is State.RUNNING and not app.decisions.is_left(row)


def _require_open(row: RunRow) -> None:
    if row.state.is_final:
        fix = f"podium retry {row.id}" if row.state is not State.SUCCEEDED else f"podium show {row.id}"
        raise WrongState(f"run {row.id} is {row.state}", fix=fix)
