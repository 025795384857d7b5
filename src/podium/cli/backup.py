"""`podium backup FILE`: a whole copy of a store that may be in use."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import RunNotFound
from ..opening import default_url, is_nothing_at, store_file
from ..sizes import spelled_size
from ..store import back_up, shown_url
from . import formatting, options
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import OTHER_STORE
from .terminal import safe, say, tell


@click.command(context_settings=options.HELP)
@click.argument("file", type=click.Path(path_type=Path))
@options.store
@options.as_json
@options.quiet("The file's name only.")
def command(file: Path, store: str | None, as_json: bool, quiet: bool) -> int:
    """Copy the store to FILE, which must not be there yet, while runs go on.

    The copy is of one moment, synced and checked. To restore it: stop every process on the store, put the
    copy in its place, without a -wal of the old one beside it, and start them again; or name it as it lies,
    --store FILE. Its runs go on from there.
    """
    url = store or default_url()
    source = store_file(url)
    if source is not None and is_nothing_at(source):
        raise RunNotFound(f"there are no runs yet in {shown_url(url)}", fix=OTHER_STORE)
    copied = back_up(url, file)
    if as_json:
        say_json(file=copied.file, bytes=copied.bytes, runs=copied.runs)
        return FINE
    say(safe(copied.file))
    if not quiet:
        tell(f"{formatting.many(copied.runs, 'run')}, {spelled_size(copied.bytes)}, synced and checked")
        tell(f"podium runs --store {safe(copied.file)}  looks into it")
    return FINE
