"""`podium export RUN --html FILE`: a run as one file that can be mailed, and opens anywhere."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import UsageError
from ..inspect.run_page import run_page
from ..sizes import spelled_size
from . import options
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import looking, pick
from .terminal import safe, say, tell


@click.command(context_settings=options.HELP)
@options.run_id
@click.option("--html", "file", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@options.store
@options.as_json
@options.quiet("The file's name only.")
def command(run: str, file: Path, force: bool, store: str | None, as_json: bool, quiet: bool) -> int:
    """Write a run to one HTML file: timeline, graph, steps, log, data.

    The file has no script and asks nothing of any other; what a name calls a secret is left out. Of a long
    run the first 20,000 entries are drawn and the last 2,000 lines are shown.
    """
    if file.exists() and not force:
        raise UsageError(f"{file} is there already", fix="another name, or --force")
    with looking(store) as view:
        row = pick(view, run)
        page = run_page(view, row).encode()
    try:
        file.write_bytes(page)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", fix="another place") from None
    if as_json:
        say_json(file=str(file), run=row.id, bytes=len(page))
        return FINE
    say(safe(str(file)))
    if not quiet:
        tell(f"{safe(row.id)}, {spelled_size(len(page))}; opens in a browser, offline")
    return FINE
