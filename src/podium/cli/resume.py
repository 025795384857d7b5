"""`podium resume RUN`: put a parked run back in line, and drive what nobody drives."""

from __future__ import annotations

import click

from ..client import App
from ..errors import WrongState
from ..model import State
from . import options
from .lookup import looking, pick
from .main import FINE
from .run import drive, silent, watch
from .target import load_for
from .terminal import say, tell


@click.command(context_settings=options.HELP)
@options.run_id
@click.option("--detach", is_flag=True, help="Only put it back in line; another process drives it.")
@options.store
@options.as_json
@click.option("--quiet", is_flag=True, help="The id only; no progress.")
def command(run: str, detach: bool, store: str | None, as_json: bool, quiet: bool) -> int:
    """Go on with a parked or left-behind run, here."""
    with looking(store) as app:
        row = pick(app, run)
        if row.state.is_final:
            fix = f"podium retry {row.id}" if row.state is not State.SUCCEEDED else f"podium show {row.id}"
            raise WrongState(f"run {row.id} is {row.state}", fix=fix)
        if detach:
            if row.state is State.PARKED:
                app.resume(row.id)
            say(row.id)
            tell("in line")
            return FINE
    target = load_for(row.function, row.starter)
    with App(app.url, notice=silent, starter=target.file) as driving:
        view = watch(driving, target)
        view.run = row.id
        if row.state is State.PARKED:
            driving.resume(row.id)
        return drive(driving, view, as_json=as_json, quiet=quiet)
