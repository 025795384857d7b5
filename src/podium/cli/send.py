"""`podium send RUN NAME VALUE`: a signal to a run."""

from __future__ import annotations

import click

from ..client import send
from . import options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import pick
from .terminal import safe, say
from .values import read_value


@click.command(context_settings=options.HELP)
@options.run_id
@click.argument("name", metavar="NAME")
@click.argument("value", metavar="[VALUE]", required=False)
@click.option("--id", metavar="ID", help="The same id again is the same signal, and is received once.")
@options.store
@options.as_json
@options.quiet("Say nothing.")
def command(
    run: str, name: str, value: str | None, id: str | None, store: str | None, as_json: bool, quiet: bool
) -> int:
    """Send a run the signal NAME, which its body gets by podium.receive(NAME).

    VALUE is JSON, or else text; without one it is null. It lies there until the body receives it, also where
    nobody drives the run.
    """
    with asking(store) as app:
        row = pick(app, run)
        send(app, row.id, name, None if value is None else read_value(value), id).result()
    if as_json:
        say_json(run=row.id, name=name, outcome="sent")
    elif not quiet:
        say(f"{row.id}  {safe(name)} sent")
    return FINE
