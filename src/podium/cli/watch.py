"""`podium watch RUN`: the live tree of a run that runs anywhere, from its record."""

from __future__ import annotations

import click

from ..inspect import cause_of
from . import formatting, options
from .asking import asking
from .driving import drive
from .lookup import pick
from .stopping import Stopping
from .terminal import safe, tell
from .view import View


@click.command(context_settings=options.HELP)
@options.run_id
@options.wait("Leave after so long (exit code 6).")
@options.store
@options.as_json
@options.quiet("The id only; no progress.")
def command(run: str, wait: float | None, store: str | None, as_json: bool, quiet: bool) -> int:
    """Follow a run that another process drives, to its end; the exit code tells how it came out.

    Ctrl-C leaves off watching; the run goes on.
    """
    with asking(store) as app:
        row = pick(app, run)
        view = View(formatting.label(row.function), row.started or row.created)
        view.run, view.state = row.id, row.state
        view.hint = "Ctrl-C leaves off watching; the run goes on"
        if not (quiet or row.state.is_settled):
            cause = cause_of(app, row)
            if cause.kind != "running":
                tell(formatting.dim(safe(" · ".join(part for part in (cause.what, cause.fix) if part))))
        with Stopping(driven=False) as stop:
            stop.by_id("watch", row.id, app.url)
            return drive(app, view, stop, wait=wait, as_json=as_json, quiet=quiet)
