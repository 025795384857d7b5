"""`podium complete ID`: another system's answer to a callback."""

from __future__ import annotations

import click

from ..client import completed_before, completing
from ..errors import UsageError
from . import options
from .asking import asking
from .exit_codes import FINE
from .json_answer import already, say_json
from .terminal import safe, say
from .values import read_value


@click.command(context_settings=options.HELP)
@click.argument("callback", metavar="ID")
@click.argument("value", metavar="[VALUE]", required=False)
@click.option("--error", metavar="TEXT", help="It has failed: the body's wait raises this.")
@click.option("--by", metavar="WHO", default="", help="Who answers, for the record.")
@options.store
@options.as_json
@options.quiet("Say nothing.")
def command(
    callback: str,
    value: str | None,
    error: str | None,
    by: str,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Complete the callback with this id. VALUE is JSON, or else text; without one it is null."""
    if value is not None and error is not None:
        raise UsageError("a value or an error, not both", fix=f"podium complete {callback} --error TEXT")
    with asking(store) as app:
        given = None if value is None else read_value(value)
        before = completed_before(app, callback)
        completing(app, callback, given, error, by).result()
    if as_json:
        say_json(id=callback, outcome="completed")
    elif not quiet:
        say(f"{safe(callback)}  completed{already(before)}")
    return FINE
