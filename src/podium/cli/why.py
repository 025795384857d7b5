"""`podium why RUN`: what holds a run, and the command that would move it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from ..inspect import Cause, RecordView, cause_of, history
from ..model import RunRow, State
from . import formatting, options, report
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import looking, pick, there
from .terminal import safe, say


@click.command(context_settings=options.HELP)
@options.run_id
@options.store
@options.as_json
@options.quiet("The cause in a word, such as retrying.")
def command(run: str, store: str | None, as_json: bool, quiet: bool) -> int:
    """Why a run stands where it stands, and what would move it."""
    with looking(store) as view:
        row = pick(view, run)
        cause = _of_store(cause_of(view, row), view.url)
        lines = list(_lines(view, row, cause))
    if as_json:
        say_json(id=row.id, state=str(row.state), **msgspec.to_builtins(cause))
    elif quiet:
        say(cause.kind)
    else:
        for line in lines:
            say(line)
    return FINE


def _of_store(cause: Cause, url: str) -> Cause:
    details = tuple(there(line, url) for line in cause.details)
    return msgspec.structs.replace(cause, details=details, fix=there(cause.fix, url))


def _lines(view: RecordView, row: RunRow, cause: Cause) -> Iterator[str]:
    function = click.style(formatting.label(row.function), bold=True)
    yield f"{formatting.state(row.state)}  {function}  {safe(row.id)}"
    if row.state is State.FAILED:  # with the user's line
        yield from report.failed(row.payload, history.tail(view.store, row))
    else:
        yield f"  {safe(cause.what)}"
        yield from (f"  {safe(line)}" for line in cause.details)
    if cause.fix:
        yield f"next: {safe(cause.fix)}"
