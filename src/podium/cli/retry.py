"""`podium retry RUN`: a new run from the recorded past of a failed one."""

from __future__ import annotations

import click

from ..client import App
from . import options
from .lookup import looking, pick
from .main import FINE
from .run import drive, silent, watch
from .target import load_for
from .terminal import say


@click.command(context_settings=options.HELP)
@options.run_id
@click.option("--detach", is_flag=True, help="Only put the new run in line and print its id.")
@options.store
@options.as_json
@click.option("--quiet", is_flag=True, help="The id only; no progress.")
def command(run: str, detach: bool, store: str | None, as_json: bool, quiet: bool) -> int:
    """A new run from a failed one's record: it goes on at the step that failed."""
    with looking(store) as app:
        row = pick(app, run)
        if detach:
            say(app.retry(row.id).id.result())
            return FINE
    target = load_for(row.function, row.starter)
    with App(app.url, notice=silent, starter=target.file) as driving:
        view = watch(driving, target)
        view.run = driving.retry(row.id).id.result()
        return drive(driving, view, as_json=as_json, quiet=quiet)
