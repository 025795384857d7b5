"""Verbs that may do something to many runs: which are meant, asking first, and what became of each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

import click

from ..client import App
from ..env import RealEnv
from ..errors import UsageError, WrongState
from ..inspect import among, is_query, parse
from ..inspect.search import search
from ..model import UNFINISHED, Query, RunRow, State
from . import formatting
from .exit_codes import FINE, NOT_ALLOWED
from .json_answer import say_json
from .lookup import described, pick
from .terminal import error, say, tell

MANY_MAX = 10_000  # runs that one command does something to
_EXAMPLES = 3


class Chosen:
    """The runs that a verb is about. It can do something to `able` ones, and does it to `meant` ones where a
    query says nothing of states. `by_query`: nobody named them one by one."""

    def __init__(
        self, app: App, asked: Sequence[str], able: frozenset[State], meant: frozenset[State] | None = None
    ) -> None:
        self._cut = ""
        self.by_query = any(map(is_query, asked)) and not (len(asked) == 1 and app.store.load(asked[0]))
        if not self.by_query:
            self.rows = list({row.id: row for row in (pick(app, word) for word in asked)}.values())
            return
        wanted = parse(asked, RealEnv().now())
        found = search(app, among(wanted, able, meant), MANY_MAX)
        self.rows = found.rows
        if found.more:
            self._cut = f" (the newest {MANY_MAX:,} of more)"
        elif found.looked_at is not None:
            self._cut = (
                f" (among the newest {found.looked_at:,} that it can be done to, the only ones looked at)"
            )

    @classmethod
    def of_function(cls, app: App, function: str) -> Chosen:
        """The unfinished runs of a function, by its whole name."""
        chosen = cls(app, (), frozenset())
        chosen.by_query = True
        chosen.rows = app.store.find(Query(function=function, states=UNFINISHED, limit=MANY_MAX))
        if len(chosen.rows) == MANY_MAX:
            chosen._cut = f" (the newest {MANY_MAX:,})"
        return chosen

    def leave_out(self, ids: Collection[str], why: str) -> None:
        """Of those that a query found; who names one means it."""
        kept = [row for row in self.rows if row.id not in ids]
        if self.by_query and len(kept) < len(self.rows):
            left_out = len(self.rows) - len(kept)
            self._cut += f"; {formatting.many(left_out, 'other was', 'others were')} {why}"
            self.rows = kept

    def described(self, verb: str) -> Iterator[str]:
        """How many, and a few of them."""
        yield f"{verb} {formatting.many(len(self.rows), 'run')}{self._cut}" + (
            "" if self.rows else ": nothing to do"
        )
        yield from (f"  {described(row)}" for row in self.rows[:_EXAMPLES])
        if len(self.rows) > _EXAMPLES:
            yield f"  … {len(self.rows) - _EXAMPLES:,} more"


def agreed(chosen: Chosen, verb: str, *, yes: bool, dry_run: bool, as_json: bool, quiet: bool) -> bool:
    """Whether to go on: a query is shown and asked about first. Raises UsageError where nobody can answer."""
    if not chosen.by_query and not dry_run:
        return True
    for line in chosen.described(verb) if chosen.by_query else (described(row) for row in chosen.rows):
        tell(line)
    if dry_run:
        ids = [row.id for row in chosen.rows]
        if as_json:
            _say_json(would=ids)
        elif quiet and ids:
            say("\n".join(ids))
        tell("nothing was done: --dry-run")
        return False
    if not chosen.rows:
        if as_json:  # a program reads the same shape, whatever was found
            _say_json()
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            f"{verb} {formatting.many(len(chosen.rows), 'run')}? nobody is there to ask",
            fix="--yes does it without asking, --dry-run only looks",
        )
    if click.confirm("go on?", err=True):
        return True
    tell("nothing was done")
    if as_json:
        _say_json()
    return False


def _say_json(runs: Sequence[dict[str, str]] = (), refused: Sequence[str] = (), **more: list[str]) -> None:
    say_json(runs=runs, refused=refused, **more)


def each(rows: Sequence[RunRow], act: Callable[[RunRow], tuple[str, str]], as_json: bool, quiet: bool) -> int:
    """Do it to each; `act` gives the id to print and what became of it. One that refuses stops no other."""
    done: list[dict[str, str]] = []
    refused: list[WrongState] = []
    for row in rows:
        try:
            id, outcome = act(row)
        except WrongState as problem:
            if len(rows) == 1:
                raise
            refused.append(problem)
            continue
        done.append({"id": id, "of": row.id, "outcome": outcome})
        if not as_json:
            say(id)
    if as_json:
        _say_json(done, [problem.message for problem in refused])
    elif not quiet:
        for outcome, count in Counter(one["outcome"] for one in done).items():
            tell(outcome if len(rows) == 1 else f"{formatting.many(count, 'run')}: {outcome}")
    for problem in refused[:_EXAMPLES]:
        error(problem.code, problem.message, problem.fix)
    if len(refused) > _EXAMPLES:
        tell(f"… {len(refused) - _EXAMPLES:,} more could not be")
    return NOT_ALLOWED if refused else FINE
