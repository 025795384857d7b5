"""Options that several verbs share."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import click

from ..checks import SECONDS_MAX, is_number
from ..errors import StoreRefused

_NEGATED = re.compile(r"-(?!-|n\d*$)(.*:.*|.{2,})", re.DOTALL)
_MASK = "\ufdd0"  # stands for the minus of a word of a query, while Click looks for options

F = TypeVar("F", bound=Callable[..., Any])

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Seconds(click.FloatRange):
    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = super().convert(value, param, ctx)
        if not is_number(seconds):
            self.fail(f"{seconds} is no number of seconds.", param, ctx)
        if seconds > SECONDS_MAX:
            self.fail(f"{seconds:g} is too long: {SECONDS_MAX:,.0f} seconds are the most.", param, ctx)
        return seconds


SECONDS = _Seconds(0)
COUNT_MAX = 1_000_000_000  # of lines, of runs, of slots: beyond any there are


def wait(text: str) -> Callable[[F], F]:
    """`--wait SECONDS`."""
    return click.option("--wait", type=SECONDS, metavar="SECONDS", help=text)


def store(function: F) -> F:
    """`--store URL`."""
    text = "The store: a URL or a file. Default: PODIUM_URL, else .podium/podium.db of the project."
    return click.option("--store", metavar="URL", help=text, callback=_lasting)(function)


def _lasting(_ctx: click.Context, _: click.Parameter, url: str | None) -> str | None:
    """Refuse a store in memory: every command is a process, so no other would ever see what is in it."""
    opening = import_module("podium.opening")  # late, for the verbs that need no store
    if opening.is_in_memory(url or opening.default_url()):
        raise StoreRefused(
            "a store in memory ends with this command, and its runs with it",
            fix="use a file: --store runs.db" if url else "set PODIUM_URL to a file, or use --store runs.db",
        )
    opening.store_file(url or opening.default_url())  # refuses what can be none, before anything is looked at
    return url


def as_json(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="For programs: stable JSON on stdout.")(
        function
    )


def quiet(text: str) -> Callable[[F], F]:
    """`-q`, `--quiet`: what it leaves."""
    return click.option("-q", "--quiet", is_flag=True, help=text)


def by(function: F) -> F:
    """`--by WHO`."""
    return click.option("--by", metavar="WHO", help="Who does, for the record. Default: the login name.")(
        function
    )


def run_id(function: F) -> F:
    """The argument RUN."""
    return click.argument("run", metavar="RUN", shell_complete=_complete)(function)


def runs(function: F) -> F:
    """The arguments RUN... or QUERY of a verb that may do something to many; use it with `QueryCommand`."""
    return click.argument("query", metavar="RUN...|QUERY", nargs=-1, required=True, shell_complete=_complete)(
        function
    )


def query(function: F) -> F:
    """The argument [QUERY]; use it with `QueryCommand`."""
    return click.argument("query", metavar="[QUERY]", nargs=-1)(function)


def bulk(function: F) -> F:
    """`--yes` and `--dry-run`, for what a query may do to many."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask."),
    ):
        function = option(function)
    return function


def steering(left: str) -> Callable[[F], F]:
    """What every verb takes that does something to runs; use it with `QueryCommand`. `left`: by `--quiet`."""

    def take(function: F) -> F:
        for option in (quiet(left), as_json, store, bulk, runs):
            function = option(function)
        return function

    return take


class QueryCommand(click.Command):
    """A verb whose words may be turned round with a minus, which Click would take for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {name for option in self.params for name in (*option.opts, *option.secondary_opts)}
        masked = [
            _MASK + word[1:] if _NEGATED.fullmatch(word) and word not in known else word for word in args
        ]
        rest = super().parse_args(ctx, masked)
        ctx.params["query"] = tuple(word.replace(_MASK, "-") for word in ctx.params.get("query") or ())
        return rest


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Ids for the shell. Late, because a store is opened for it."""
    return import_module("podium.cli.lookup").complete(ctx.params.get("store"), incomplete)
