"""`podium stream RUN [NAME]`: what a run emits, chunk by chunk, and what it has published."""

from __future__ import annotations

import click
import msgspec
from msgspec import Raw

from ..client import App, Chunk, read_chunks, stream_of
from . import formatting, options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import pick
from .outcome import result_text
from .terminal import safe_lines, say, tell

_CHARACTERS_MAX = 10_000  # of what is shown of one value


@click.command(context_settings=options.HELP)
@options.run_id
@click.argument("name", metavar="[NAME]", default="")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the run ends or is parked.")
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="N", help="Only what is behind this number."
)
@options.store
@options.as_json
@options.quiet("The chunks, and nothing around them.")
def command(
    run: str, name: str, follow: bool, after: int, store: str | None, as_json: bool, quiet: bool
) -> int:
    """What a run emits to a stream; without a name what it has published, and which streams it has.

    --json gives JSON lines: an object for each chunk, value or stream.
    """
    with asking(store) as app:
        row = pick(app, run)
        if not name:
            _list(app, row.id, as_json)
            return FINE
        for chunk in stream_of(app, row.id, name, after, Raw) if follow else _there(app, row.id, name, after):
            after = chunk.n
            if as_json:
                say_json(**msgspec.structs.asdict(chunk))
            else:
                say(_text(chunk.value))
        if not (after or as_json or quiet):
            tell(f"nothing is on record of a stream {name!r}")
    return FINE


def _there(app: App, run: str, name: str, after: int) -> list[Chunk]:
    found: list[Chunk] = []
    while page := read_chunks(app.store, run, name, after, Raw):
        found += page
        after = page[-1].n
    return found


def _list(app: App, run: str, as_json: bool) -> None:
    values, streams = app.store.values(run), app.store.streams(run)
    for value in values:
        if as_json:
            say_json(published=value.name, value=Raw(value.payload))
        else:
            say(formatting.named(value.name, value.payload, _CHARACTERS_MAX))
    for name, count in streams.items():
        if as_json:
            say_json(stream=name, chunks=count)
        else:
            say(f"{name}  {formatting.many(count, 'chunk')}")
    if not (values or streams or as_json):
        tell("it has published and emitted nothing")


def _text(value: Raw | str) -> str:
    """A line of the log, or what was recorded; its class need not be imported here."""
    if isinstance(value, str):
        return safe_lines(value)
    payload = bytes(value)
    return result_text(payload, _CHARACTERS_MAX, hide=True) if payload != b"null" else "None"
