"""`podium check`: what the runs on record would do on the code as it is now."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click

from ..client import App, CheckedRun, check_all
from ..env import RealEnv
from ..errors import UsageError
from ..functions import Function
from ..inspect import is_query, living, offered, parse, way_on
from ..model import RunRow
from ..modules import name_of_file
from . import formatting, options
from .asking import asking
from .exit_codes import FINE, WOULD_PARK
from .json_answer import say_json
from .lookup import pick, there
from .target import TargetNotFound, load_for, load_module
from .terminal import safe, say, tell

_SIGNS = {"goes on": ("✔", "green"), "as recorded": ("✔", "green"), "ends otherwise": ("≠", "yellow")}


@click.command(cls=options.QueryCommand, context_settings=options.HELP)
@click.argument("query", metavar="[MODULE|FILE] [QUERY]", nargs=-1)
@click.option(
    "--last",
    type=click.IntRange(0, options.COUNT_MAX),
    default=0,
    metavar="N",
    help="Also the last N that have ended.",
)
@options.store
@options.as_json
@options.quiet("Ids of those that would not go on.")
def command(query: tuple[str, ...], last: int, store: str | None, as_json: bool, quiet: bool) -> int:
    """Would the runs on record go on with the code as it is now? Nothing is written, no task runs.

    Each open run that matches is replayed up to where its record ends, in memory, and so are the last N
    that have ended. A module or a file narrows them down to its functions. Exit code 8 if any would park or
    fail, or its code is gone or broken.
    """
    with asking(store) as app:
        ours, words = _told_apart(app, query)
        parsed = parse(words, RealEnv().now())
        if ours is not None:
            parsed = parsed._replace(tests=(*parsed.tests, ours))
        checked: list[CheckedRun] = []
        for one in check_all(app, parsed, last, _finder(app)):
            checked.append(one)
            if not as_json and (not quiet or not one.is_well):
                _show(one, app.url, quiet)
    well = all(one.is_well for one in checked)
    if as_json:
        say_json(well=well, runs=checked)
    elif not quiet:
        _sum_up(checked, last)
    return FINE if well else WOULD_PARK


def _told_apart(app: App, query: tuple[str, ...]) -> tuple[Callable[[RunRow], bool] | None, tuple[str, ...]]:
    """The runs that are meant without a query, by their module or one by one, and the words of the query."""
    named = [word for word in query if not is_query(word)]
    if not named:
        return None, query
    if len(named) > 1:
        raise UsageError(f"which one, {' or '.join(map(safe, named))}?", fix="one module, and a query")
    (word,) = named
    rest = tuple(each for each in query if each != word)
    module = _module(word)
    if module is None and any(name.startswith(f"{word}:") for name in app.store.functions(1)):
        module = word
    if module is not None:
        return (lambda row: row.function.partition(":")[0] == module), rest
    meant = pick(app, word).id
    return (lambda row: row.id == meant), rest


def _module(word: str) -> str | None:
    """The name of the module in a file, which is loaded: what it declares is then known by its place."""
    if not word.endswith(".py"):
        return None
    if not Path(word).is_file():
        load_module(word)  # raises, with the nearest
    return name_of_file(Path(word))


def _finder(app: App) -> Callable[[RunRow], Function]:
    engines = offered(living(app))

    @functools.cache
    def load(name: str, starter: str) -> Function | Exception:
        try:
            return load_for(name, starter, app.url).function
        except Exception as error:
            return error

    def find(row: RunRow) -> Function:
        if row.function in app.functions and app.functions[row.function].is_built_in:
            return app.functions[row.function]
        found = load(row.function, row.starter)
        if isinstance(found, TargetNotFound):
            way = way_on(app, row, engines)
            raise TargetNotFound(way.why[0] if way.why else found.message, fix=way.said)
        if isinstance(found, Exception):
            raise found
        return found

    return find


def _show(one: CheckedRun, url: str, quiet: bool) -> None:
    if quiet:
        say(safe(one.id))
        return
    sign, colour = _SIGNS.get(one.outcome, ("✖", "red") if not one.is_well else ("·", "white"))
    label = formatting.label(one.function)
    say(f"{click.style(f'{sign} {one.outcome}', fg=colour)}  {safe(one.id)}  {label} ({one.state})")
    if one.what:
        place = f"{one.line}: " if one.line and one.line not in one.what else ""
        say(f"    {safe(place + one.what)}")
    if one.fix:
        fix = one.fix.replace("resume the run", f"podium resume {one.id}")
        say(formatting.dim(f"    {safe(there(fix, url))}"))


def _sum_up(checked: list[CheckedRun], last: int) -> None:
    if not checked:
        tell("no open run to check" if not last else "no run to check")
        return
    counts = Counter(one.outcome for one in checked)
    parts = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.most_common())
    tell(f"{formatting.many(len(checked), 'run')} checked: {parts}")
