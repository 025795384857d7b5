"""`podium answer RUN VALUE`: a person answers what a run asks."""

from __future__ import annotations

import getpass

import click

from ..client import answer
from . import options
from .lookup import looking, pick
from .main import FINE
from .terminal import say
from .values import read_value


@click.command(context_settings=options.HELP)
@options.run_id
@click.argument("value", metavar="VALUE")
@click.option("--ask", metavar="ID", help="Which question, by its id or its prompt, where there are several.")
@click.option("--by", metavar="WHO", help="Who answers, for the record. Default: the system's user.")
@options.store
def command(run: str, value: str, ask: str | None, by: str | None, store: str | None) -> int:
    """Answer the question of a run. VALUE is JSON, or else text: true, 120, '{"ok": true}', yes.

    The value is checked against the question's type. The first answer counts: a second one is refused, and so
    is one that comes too late.
    """
    with looking(store) as app:
        row = pick(app, run)
        answer(app, row.id, read_value(value), ask, by or _user()).result()
    say(f"{row.id}  answered")
    return FINE


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user on record
        return ""
