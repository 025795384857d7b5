"""`podium waiting`: what runs ask of people."""

from __future__ import annotations

import click
import msgspec

from ..client import questions
from ..env import RealEnv
from ..inspect import span
from . import formatting, options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .terminal import safe, say, tell

_ABOUT_WIDTH = 300


@click.command(context_settings=options.HELP)
@options.store
@options.as_json
@options.quiet("Ids of the runs only.")
def command(store: str | None, as_json: bool, quiet: bool) -> int:
    """List the questions that runs ask and nobody has answered yet, by `podium.ask`."""
    with asking(store) as app:
        rows = questions(app)
    if as_json:
        say_json(
            questions=[
                {
                    "id": row.target,
                    "run": row.run,
                    "step": row.step,
                    "prompt": row.prompt,
                    "to": row.to,
                    "due": row.due,
                    "schema": row.schema,
                    "about": msgspec.Raw(row.about or b"null"),
                }
                for row in rows
            ]
        )
        return FINE
    now = RealEnv().now()
    for row in rows:
        due = "" if row.due is None else f", {_left(row.due - now)}"
        to = f" (to {safe(row.to)})" if row.to else ""
        say(row.run if quiet else f"{row.run}  {safe(row.prompt)}{to}{due}")
        if row.about and not quiet:
            say(f"  about {formatting.preview(row.about, _ABOUT_WIDTH)}")
    if not rows:
        tell("no run asks anything")
    elif not quiet:
        tell(f"answer: podium answer {rows[0].run} VALUE")
    return FINE


def _left(seconds: float) -> str:
    return f"for {span(seconds)} more" if seconds > 0 else "too late now"
