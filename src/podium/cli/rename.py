"""`podium rename OLD NEW`: unfinished runs of a function that is called otherwise now."""

from __future__ import annotations

import click

from ..client import App, Operator, operator
from ..errors import UsageError
from ..inspect import living, missing_from, offered
from ..model import RunRow
from . import options
from .asking import asking
from .exit_codes import FINE
from .many import Chosen, agreed, each
from .terminal import safe, tell


@click.command(context_settings=options.HELP)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@options.bulk
@options.by
@options.store
@options.as_json
@options.quiet("Ids only.")
def command(
    old: str,
    new: str,
    yes: bool,
    dry_run: bool,
    by: str | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Move the unfinished runs of OLD to NEW, both named as `podium runs --json` names functions.

    For a workflow that was renamed, or whose file has moved out of its project: its runs wait for a function
    that is not there any more. They go on with NEW by what is on record. `podium why RUN` tells the names.
    """
    for name in (old, new):
        if not name.strip():
            raise UsageError(
                "a function's name is needed", fix="podium rename shop.flows:buy shop.orders:buy"
            )
    if old == new:
        raise UsageError(f"{safe(old)} is its own name", fix="podium rename OLD NEW")
    with asking(store) as app:
        chosen = Chosen.of_function(app, old)
        _require_no_typo(app, new)
        verb = f"move to {safe(new)}"
        if not agreed(chosen, verb, yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        return each(chosen.rows, lambda row: (row.id, _rename(app, row, new, operator(by))), as_json, quiet)


def _require_no_typo(app: App, new: str) -> None:
    """Raises UsageError for a name that its own file does not have."""
    if new in offered(living(app)):
        return
    missing = missing_from(app.url, new)
    if missing is not None:
        file, others = missing
        there = f"it has {', '.join(map(safe, others[:3]))}" if others else "it has no tasks or workflows"
        raise UsageError(f"{safe(str(file))} declares no {safe(new)}", fix=there)
    tell(f"no live engine offers {safe(new)} now: the runs wait until one does")


def _rename(app: App, row: RunRow, new: str, by: Operator) -> str:
    app.decisions.rename(row.id, new, by).result()
    return f"moved to {safe(new)}"
