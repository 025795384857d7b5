"""`podium fork RUN --at STEP`: a copy of a run that goes its own way from a step on."""

from __future__ import annotations

import click

from ..client import NO_VALUE, App, Operator, operator
from . import options
from .asking import asking
from .driving import drive_again, require_engine
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import pick, tell_undriven
from .target import load_for
from .terminal import say
from .values import read_value


@click.command(context_settings=options.HELP)
@options.run_id
@click.option(
    "--at",
    required=True,
    metavar="STEP",
    help="The step: charge, charge#1 (its second call), 1.2/charge, or the number of its entry.",
)
@click.option("--value", metavar="VALUE", help="What it has come to instead: JSON, or else text.")
@options.by
@click.option("--detach", is_flag=True, help="Only put the new run in line and print its id.")
@options.store
@options.as_json
@options.quiet("Id only; no progress.")
def command(
    run: str,
    at: str,
    value: str | None,
    by: str | None,
    detach: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """A copy of a run, in whatever state, that ends before the outcome of a step; the step is done again.

    With --value that is its outcome instead, checked against what the step returns. What the copy does from
    there on is its own: effects happen again, under other ids and keys. `podium show RUN --all` lists steps.
    """
    who = operator(by)
    with asking(store) as app:
        row = pick(app, run)
        if value is not None:
            load_for(row.function, row.starter, app.url)  # which says of what type the value is
        if detach:
            new = _fork(app, row.id, at, value, who)
            if as_json:
                say_json(id=new, of=row.id, outcome="in line")
            else:
                say(new)
            if not quiet:
                tell_undriven(app, [new])
            return FINE
    require_engine()
    return drive_again(
        app.url, row, lambda driving: _fork(driving, row.id, at, value, who), as_json=as_json, quiet=quiet
    )


def _fork(app: App, run: str, at: str, value: str | None, by: Operator) -> str:
    given = NO_VALUE if value is None else read_value(value)
    return app.fork(run, int(at) if at.isdecimal() else at, given, by).id.result()
