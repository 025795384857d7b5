"""`podium prune QUERY`: runs that have ended go, with all that is on record of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from ..client import App, forget
from ..depot import UNNAMED_SECONDS
from ..env import RealEnv
from ..errors import UsageError
from ..inspect import among, is_query, parse
from ..inspect.search import search
from ..model import FINAL, RunRow
from ..sizes import spelled_size
from ..store import compact
from . import formatting, options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .many import MANY_MAX, Chosen, agreed
from .terminal import safe, say, tell

_SCAN_MAX = 1_000_000_000  # all there are


class _Ended(Chosen):
    """Runs that have ended, found by a query, but for the newest `keep` of them."""

    def __init__(self, app: App, asked: Sequence[str], keep: int, but: frozenset[str] = frozenset()) -> None:
        if not any(map(is_query, asked)):
            super().__init__(app, asked, FINAL)
            return
        self.by_query = True
        limit = keep + len(but) + MANY_MAX
        found = search(app, among(parse(asked, RealEnv().now()), FINAL), limit, _SCAN_MAX)
        self.rows = [row for row in found.rows[keep:] if row.id not in but]
        self._cut = " and more" if found.more else ""


@click.command(cls=options.QueryCommand, context_settings=options.HELP)
@click.option(
    "--keep",
    type=click.IntRange(0, options.COUNT_MAX),
    default=0,
    metavar="N",
    help="But the newest N of them.",
)
@click.option("--vacuum", is_flag=True, help="Give the space back to the disk; all runs wait meanwhile.")
@options.steering("Ids only.")
def command(
    query: tuple[str, ...],
    keep: int,
    vacuum: bool,
    yes: bool,
    dry_run: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Delete runs that have ended, with their history, logs and messages. It cannot be undone.

    By age, state and number: `podium prune 'ended:>30d'`, `podium prune status:succeeded --keep 1000`. Runs
    that have not ended or are parked stay, and so does what an unfinished run rests on. Their ids are free
    again. `podium backup FILE` first keeps a copy.
    """
    with asking(store) as app:
        chosen = _Ended(app, query, keep)
        if keep and not chosen.by_query:
            raise UsageError("--keep is for a query", fix="podium prune 'ended:>30d' --keep 100")
        if not agreed(chosen, "prune", yes=yes, dry_run=dry_run, as_json=as_json, quiet=quiet):
            return FINE
        gone, kept = _prune(app, query, keep, chosen)
        files, freed = app.store.sweep(RealEnv().now() - UNNAMED_SECONDS)
        url = app.url
    sizes = compact(url) if vacuum else None
    if as_json:
        if sizes is not None:
            freed += sizes[0] - sizes[1]
        say_json(runs=gone, kept=[{"id": id, "why": why} for id, why in kept.items()], bytes_freed=freed)
        return FINE
    if gone:
        say("\n".join(map(safe, gone)))
    if not quiet:
        _tell(gone, kept, sizes)
        if files:
            tell(f"{formatting.many(files, 'value')} removed that nothing names, {spelled_size(freed)}")
    return FINE


def _prune(app: App, query: Sequence[str], keep: int, chosen: Chosen) -> tuple[list[str], dict[str, str]]:
    """Ids of those that are gone, and why others stayed."""
    gone: list[str] = []
    kept: dict[str, str] = {}
    rows: Sequence[RunRow] = chosen.rows
    while rows:
        for row, why in forget(app, rows):
            if why:
                kept[row.id] = why
            else:
                gone.append(row.id)
        rows = _Ended(app, query, keep, frozenset(kept)).rows if chosen.by_query else ()
    return gone, kept


def _tell(gone: Sequence[str], kept: dict[str, str], sizes: tuple[int, int] | None) -> None:
    tell(f"{formatting.many(len(gone), 'run')} pruned")
    for why, count in Counter(kept.values()).most_common(3):
        tell(f"{formatting.many(count, 'run')} kept: {safe(why)}")
    if sizes is not None:
        before, after = map(spelled_size, sizes)
        tell(f"the store has {after}, it had {before}")
    elif gone:
        tell("new runs use the space again; --vacuum gives it back to the disk, while all runs wait")
