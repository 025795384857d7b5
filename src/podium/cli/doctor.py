"""`podium doctor`: is everything well, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from ..client import check_environment
from ..errors import StoreError
from ..inspect import check_runs
from ..opening import default_url, store_file
from ..store import Finding, examine, shown_url
from . import formatting, options
from .exit_codes import FAILED, FINE
from .json_answer import say_json
from .lookup import looking, there
from .terminal import safe, say


@click.command(context_settings=options.HELP)
@click.option("--quick", is_flag=True, help="Without reading every page of the store.")
@options.store
@options.as_json
@options.quiet("Problems only.")
def command(quick: bool, store: str | None, as_json: bool, quiet: bool) -> int:
    """Look at the store, the clock, the engines, and for runs that nobody moves; change nothing.

    Exit code 1 if something is not well.
    """
    url = store or default_url()
    found: list[Finding] = []
    for finding in _findings(url, quick):  # shown as they come: a large store takes a while
        found.append(finding)
        if not as_json and not (quiet and finding.is_well):
            _show(finding)
    well = all(finding.is_well for finding in found)
    if as_json:
        say_json(store=shown_url(url), well=well, findings=found)
    elif not quiet:
        problems = sum(not finding.is_well for finding in found)
        say(formatting.dim("all is well") if well else formatting.many(problems, "problem"))
    return FINE if well else FAILED


def _findings(url: str, quick: bool) -> Iterator[Finding]:
    yield Finding("store", True, shown_url(url))
    yield from check_environment()
    try:
        for finding in examine(url, thorough=not quick):
            yield finding
            if finding.name == "file" and not finding.is_well:
                return  # opening it would only say so again
        file = store_file(url)
        if file is None or file.exists():
            with looking(url) as view:
                for finding in check_runs(view):
                    yield msgspec.structs.replace(finding, fix=there(finding.fix, view.url))
    except StoreError as error:
        yield Finding("opening", False, f"{error.code}: {error.message}", error.fix)


def _show(finding: Finding) -> None:
    sign = click.style("✔", fg="green") if finding.is_well else click.style("✖", fg="red")
    say(f"{sign} {click.style(finding.name, bold=True)}: {safe(finding.text)}")
    if finding.fix:
        say(f"    {safe(finding.fix)}")
