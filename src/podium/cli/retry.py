"""`podium retry RUN`: a new run from the recorded past of a failed one."""

from __future__ import annotations

import click

from ..client import RETRIED_BY_QUERY, StopWait, operator
from ..inspect import retried_since, retried_with_others
from ..model import RETRIABLE, RunRow
from . import options
from .asking import asking
from .driving import drive_again, require_engine
from .exit_codes import FINE
from .lookup import tell_undriven
from .many import Chosen, agreed, each


@click.command(cls=options.QueryCommand, context_settings=options.HELP)
@click.option("--detach", is_flag=True, help="Only put the new run in line and print its id.")
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
    """A new run from a failed one's record: it goes on at the step that failed.

    A single one is driven here. With a query (see `podium runs -h`) all that match, have failed and were not
    retried before are put in line, for whatever process has their code: `podium retry ended:today`.
    """
    who = operator(by)
    with asking(store) as app:
        chosen = Chosen(app, query, RETRIABLE, RETRIED_BY_QUERY)
        if chosen.by_query and chosen.rows:
            oldest = min(row.created for row in chosen.rows)
            chosen.leave_out(retried_since(app, oldest), "retried before")
            chosen.leave_out(retried_with_others(app, chosen.rows), "retried with the run that started it")
        if not agreed(chosen, "retry", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        if detach or chosen.by_query or len(chosen.rows) != 1:
            begun: list[str] = []
            stops = StopWait(app.session)

            def put_in_line(row: RunRow) -> tuple[str, str]:
                begun.append(app.retry(row.id, who, stops).id.result())
                return begun[-1], "in line"

            code = each(chosen.rows, put_in_line, as_json, quiet)
            if not quiet:
                tell_undriven(app, begun)
            return code
    (row,) = chosen.rows
    require_engine()
    return drive_again(
        app.url, row, lambda driving: driving.retry(row.id, who).id.result(), as_json=as_json, quiet=quiet
    )
