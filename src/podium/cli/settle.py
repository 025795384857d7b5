"""`podium settle RUN STEP`: a person says what became of a step whose outcome nobody else can know."""

from __future__ import annotations

import click

from ..client import Settlement, operator
from ..errors import UsageError
from . import options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import pick, tell_standing
from .terminal import say
from .values import read_value


@click.command(context_settings=options.HELP)
@options.run_id
@click.argument("step", metavar="STEP")
@click.option("--happened", metavar="JSON", help="It has happened, with this result: JSON, or else text.")
@click.option("--again", is_flag=True, help="It has not happened: begin it again.")
@click.option("--failed", metavar="TEXT", help="It has not happened, and is not to: a RuntimeError.")
@options.by
@options.store
@options.as_json
@options.quiet("Say nothing.")
def command(
    run: str,
    step: str,
    happened: str | None,
    again: bool,
    failed: str | None,
    by: str | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Say what became of a step over which a run is parked; it then goes on.

    STEP is as `podium why` names it, or the name of its function. Look in the other system by the key that
    `why` shows, then say one of --happened, --again and --failed. Of what was to undo something, --happened
    null says that it is undone, --failed that it stays as it is.
    """
    value = ... if happened is None else read_value(happened)
    if failed == "":
        raise UsageError("--failed: with which words?", fix="--failed TEXT")
    how = Settlement.of(value, again, None if failed is None else RuntimeError(failed))
    with asking(store) as app:
        row = pick(app, run)
        app.decisions.settle(row.id, step, how, operator(by)).result()
        if as_json:
            say_json(run=row.id, outcome="settled")
        elif not quiet:
            say(f"{row.id}  settled")
            tell_standing(app, row.id)
    return FINE
