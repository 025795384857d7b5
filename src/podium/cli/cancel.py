"""`podium cancel RUN`: ask it to stop; or end at once what has nothing to clean up."""

from __future__ import annotations

import click

from ..errors import WrongState
from ..model import State
from . import options
from .lookup import looking, pick
from .main import FINE
from .terminal import say, tell


@click.command(context_settings=options.HELP)
@options.run_id
@click.option("--now", is_flag=True, help="End it without running its body, which then cannot clean up.")
@options.store
def command(run: str, now: bool, store: str | None) -> int:
    """Ask a run to stop; its body may clean up."""
    with looking(store) as app:
        row = pick(app, run)
        if row.state.is_final:
            raise WrongState(f"run {row.id} is {row.state}: it has ended", fix=f"podium show {row.id}")
        if now or row.state in (State.QUEUED, State.PARKED):
            # A queued body has not begun, a parked one cannot go on: there is nobody to ask.
            app.terminate(row.id)
            said = "cancelled"
        else:
            app.cancel(row.id).result()
            said = (
                "asked; it stops at its next step"
                if row.state is State.RUNNING
                else "asked; whoever drives it next stops it"
            )
    say(row.id)
    tell(said)
    return FINE
