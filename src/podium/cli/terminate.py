"""`podium terminate RUN`: the end of a run that nobody drives; its body does not run."""

from __future__ import annotations

import click

from ..client import App, Operator, operator
from ..model import UNFINISHED, RunRow
from . import options
from .asking import asking
from .exit_codes import FINE
from .many import Chosen, agreed, each


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
    """End a run at once, without running its body, which then cannot clean up; nothing is undone.

    Only what no living process drives can be ended so; `podium cancel` asks the one that does.
    """
    with asking(store) as app:
        chosen = Chosen(app, query, UNFINISHED)
        if not agreed(chosen, "terminate", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        return each(chosen.rows, lambda row: (row.id, _terminate(app, row, operator(by))), as_json, quiet)


def _terminate(app: App, row: RunRow, by: Operator) -> str:
    app.terminate(row.id, by).result()
    return "cancelled"
