"""`podium cancel RUN`: ask it to stop; its body may clean up."""

from __future__ import annotations

import click

from ..client import App, Cancelled, operator
from ..errors import WrongState
from ..inspect import counts_first, living, offered, way_on, would_take
from ..model import UNFINISHED, RunRow, State
from . import options
from .asking import asking
from .exit_codes import FINE
from .many import Chosen, agreed, each
from .terminal import safe


@click.command(cls=options.QueryCommand, context_settings=options.HELP)
@options.steering("Ids only.")
@options.by
def command(
    query: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    by: str | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Ask a run to stop; its body may clean up.

    With a query (see `podium runs -h`) all that match and have not ended: `podium cancel tag:nightly`.
    """
    with asking(store) as app:
        chosen = Chosen(app, query, UNFINISHED)
        if not agreed(chosen, "cancel", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        name = safe(chosen.rows[0].id) if len(chosen.rows) == 1 else "RUN"
        came_to = app.decisions.cancel_all(chosen.rows, operator(by))
        done = {row.id: what for row, what in zip(chosen.rows, came_to, strict=True)}
        return each(chosen.rows, lambda row: (row.id, _told(app, row, done[row.id], name)), as_json, quiet)


def _told(app: App, row: RunRow, done: Cancelled, name: str) -> str:
    if done is Cancelled.TOO_LATE:
        raise WrongState(f"run {row.id} has ended: {app.load(row.id).state}", fix=f"podium show {row.id}")
    if done is Cancelled.ENDED:
        return "cancelled"
    if row.state is State.RUNNING and not app.decisions.is_left(row):
        return "asked; it stops at its next step"
    first = counts_first(app.store.inbox(row.id))
    return f"{_by_whom(app, row, name)}{first and f'; {first}'}"


def _by_whom(app: App, row: RunRow, name: str) -> str:
    engines = living(app)
    if any(would_take(engine, row) for engine in engines):
        return "asked; whoever drives it next stops it"
    ends = f"podium terminate {name}  ends it at once"
    way = way_on(app, row, offered(engines))
    if way.why:
        return f"asked, but {safe(way.why[0])}: {ends}"
    drives = f"podium resume {name}, or a worker"
    return f"asked, but nobody is there; whoever drives it next stops it: {drives}; {ends}"
