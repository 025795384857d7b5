"""`podium answer RUN VALUE`: a person answers what a run asks."""

from __future__ import annotations

import click

from ..client import answer, given_before, operator
from . import options
from .asking import asking
from .exit_codes import FINE
from .json_answer import already, say_json
from .lookup import pick
from .terminal import say
from .values import read_value


@click.command(context_settings=options.HELP)
@options.run_id
@click.argument("value", metavar="VALUE")
@click.option("--ask", metavar="ID", help="Which question, by its id or its prompt, where there are several.")
@options.by
@options.store
@options.as_json
@options.quiet("Say nothing.")
def command(
    run: str, value: str, ask: str | None, by: str | None, store: str | None, as_json: bool, quiet: bool
) -> int:
    """Answer the question of a run. VALUE is JSON, or else text: true, 120, '{"ok": true}', yes.

    The value is checked against the question's type. The first answer counts: a second, other one is refused,
    and so is one that comes too late; of the same again is said who gave it first.
    """
    with asking(store) as app:
        row = pick(app, run)
        before = given_before(app, row.id, ask)
        answer(app, row.id, read_value(value), ask, operator(by)).result()
    if as_json:
        say_json(run=row.id, outcome="answered")
    elif not quiet:
        say(f"{row.id}  answered{already(before)}")
    return FINE
