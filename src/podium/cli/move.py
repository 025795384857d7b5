"""`podium move FROM TO`: all runs of one store to another."""

from __future__ import annotations

import click

from ..client import Moved, give_up_move, move
from ..errors import UsageError
from ..opening import is_nothing_at, store_file
from ..store import shown_url
from . import formatting, options
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import no_store
from .terminal import safe, say, tell


@click.command(context_settings=options.HELP)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO", required=False)
@click.option("--give-up", is_flag=True, help="End a move that was begun: FROM is used again.")
@options.as_json
@options.quiet("The new store's URL only.")
def command(source: str, target: str | None, give_up: bool, as_json: bool, quiet: bool) -> int:
    """Move everything in one store to another: podium move .podium/podium.db postgresql://db/shop

    Runs go on there from where they are, whatever they wait for. Stop every engine on FROM first; TO must be
    empty. FROM refuses every use from then on and says where its runs are. If it is killed in the middle,
    the same command goes on.
    """
    file = store_file(source)
    if file is not None and is_nothing_at(file):
        raise no_store(source, file)
    if give_up == (target is not None):
        raise UsageError("podium move FROM TO, or podium move FROM --give-up")
    if target is None:
        give_up_move(source)
        say_json(store=shown_url(source), moved=False) if as_json else say(safe(shown_url(source)))
        return FINE
    moved = move(source, target)
    if as_json:
        say_json(**moved._asdict())
        return FINE
    say(safe(moved.target))
    if not quiet:
        _tell(moved)
    return FINE


def _tell(moved: Moved) -> None:
    runs = formatting.many(moved.runs, "run")
    values = f", {formatting.many(moved.values, 'value')} by reference" if moved.values else ""
    tell(f"{runs} moved, {moved.rows:,} rows{values}; compared with what was read")
    tell(f"PODIUM_URL={safe(moved.target)}  is the store from now on; the old one takes nothing any more")
