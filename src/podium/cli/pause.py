"""`podium pause RUN`: it begins nothing new, lets end what has begun, and waits until it is resumed."""

from __future__ import annotations

import click

from ..client import App, Operator, operator
from ..inspect import counts_first
from ..model import PAUSE, UNFINISHED, RunRow, State
from . import options
from .asking import asking
from .exit_codes import FINE
from .many import Chosen, agreed, each


@click.command(cls=options.QueryCommand, context_settings=options.HELP)
@options.steering("Ids only.")
@options.by
def command(
    query: tuple[str, ...],
    by: str | None,
    yes: bool,
    dry_run: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Have a run wait until `podium resume`.

    It begins nothing new; what of it has begun ends before. Its child runs go on. With a query (see
    `podium runs -h`) all that match and have not ended.
    """
    with asking(store) as app:
        chosen = Chosen(app, query, UNFINISHED)
        if not agreed(chosen, "pause", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        who = operator(by)
        return each(chosen.rows, lambda row: (row.id, _pause(app, row, who)), as_json, quiet)


def _pause(app: App, row: RunRow, by: Operator) -> str:
    app.decisions.pause(row.id, by).result()
    if row.state is State.RUNNING:
        return "asked; it pauses when what has begun has ended"
    inbox = app.store.inbox(row.id)
    if not any(message.kind == PAUSE for message in inbox):
        return "paused"
    first = counts_first(inbox)
    return f"asked; whoever drives it next pauses it before it begins anything else{first and f'; {first}'}"
