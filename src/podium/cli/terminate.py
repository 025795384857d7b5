"""`podium terminate RUN`: the end of a run that nobody drives; its body does not run."""

from __future__ import annotations

import click

from ..client import App
from ..errors import WrongState
from ..model import UNFINISHED, RunRow, State
from . import options
from .lookup import looking
from .main import FINE
from .many import Chosen, agreed, each
from .terminal import safe


@click.command(cls=options.Asking, context_settings=options.HELP)
@options.steering("Ids only.")
def command(
    query: tuple[str, ...], yes: bool, dry_run: bool, store: str | None, as_json: bool, quiet: bool
) -> int:
    """End a run at once, without running its body, which then cannot clean up.

    Only what no living process drives can be ended so; `podium cancel` asks the one that does.
    """
    with looking(store) as app:
        chosen = Chosen(app, query, UNFINISHED)
        if not agreed(chosen, "terminate", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        return each(chosen.rows, lambda row: (row.id, _terminate(app, row)), as_json, quiet)


def _terminate(app: App, row: RunRow) -> str:
    if row.state.is_final:
        raise WrongState(f"run {row.id} has ended: {row.state}", fix=f"podium show {row.id}")
    if row.state is State.RUNNING and not app.is_left(row):
        owner = next((engine for engine in app.store.engines() if engine.id == row.owner), None)
        where = (
            f" in process {owner.pid} on {safe(owner.host)}, which alone may write for it" if owner else ""
        )
        raise WrongState(
            f"run {row.id} runs{where}",
            fix=f"podium cancel {row.id}  asks it to stop; or end that process first",
        )
    app.terminate(row.id).result()
    return "cancelled"
