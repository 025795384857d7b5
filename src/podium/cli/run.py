"""`podium run`: start a workflow, follow it, say how it came out and how it goes on."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import replace

from ..client import App, StartOptions, is_tag
from ..env import RealEnv
from ..errors import UsageError
from ..model import RunRow, State
from . import formatting, options, when
from .asking import only_waits
from .driving import (
    comes_on_record,
    drive,
    leave,
    observed_view,
    open_engine,
    require_engine,
)
from .exit_codes import FINE
from .flags import Flags
from .json_answer import say_json
from .lookup import complete_tag, tell_standing
from .stopping import Stopping
from .target import load
from .terminal import say, tell


def _complete_tag(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[Any]:
    return complete_tag(ctx.params.get("store"), incomplete)


@click.command(context_settings={**options.HELP, "ignore_unknown_options": True})
@click.argument("target", metavar="MODULE:WORKFLOW")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAGS]")
@click.option("--id", metavar="ID", help="The run's id: the same id again is the same run.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="WORD",
    shell_complete=_complete_tag,
    help="A word to find it by: podium runs tag:WORD. Several: --tag a --tag b.",
)
@click.option(
    "--at",
    metavar="WHEN",
    help="Begin then: after 90s, 15m, 2h, 3d, or at '2026-11-27 08:00' here; +02:00 or Z names a zone.",
)
@click.option("--detach", is_flag=True, help="Only put it in line and print its id.")
@options.wait("Leave after so long (exit code 6); it can go on.")
@options.store
@options.as_json
@options.quiet("The id only; no progress.")
def command(
    target: str,
    flags: tuple[str, ...],
    id: str | None,
    tags: tuple[str, ...],
    at: str | None,
    detach: bool,
    wait: float | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a workflow and follow it to its end.

    MODULE is a dotted name or a path/to/file.py. The workflow's own flags come from its signature:
    `podium run app:report -- --help` lists them. After a crash or Ctrl-C the same command goes on; one with
    --at is a new run each time.
    """
    env = RealEnv()
    now, began = env.now, env.monotonic()
    due = None if at is None else when.due(at, now())
    call = StartOptions(id=id, tags=_words(tags))
    with App(store, notice=only_waits, drives="nothing" if detach else "own") as app:
        found = load(target)
        args, kwargs = Flags(found.function).parse(flags, f"podium run {target} --")
        if not detach:
            require_engine()
        # The script stands for its module: `python app.py` and `podium run app:report` find each other's
        # runs again. What is only put in line belongs to nobody, so it attaches to nothing.
        app.profile.starter = "" if detach else found.file
        if detach:
            _ = app.store  # opened before it is asked how long it is until then
            run = app.start(found.function, args, kwargs, _timed(call, due, now())).id.result()
            _detached(app, app.load(run), now(), as_json, quiet)
            return FINE
        view = observed_view(app, found)
        open_engine(app, wait)
        with Stopping(says=not quiet) as stop:
            started = app.start(found.function, args, kwargs, _timed(call, due, now()))
            if not comes_on_record(started, view, stop, wait):
                return leave(app, started, view, stop, as_json=as_json, quiet=quiet)
            if due is not None:  # the same command again would be another run, or too late
                stop.by_id("resume", view.run, app.url)
            if wait is not None:
                wait = max(0.0, wait - (env.monotonic() - began))
            return drive(app, view, stop, wait=wait, as_json=as_json, quiet=quiet)


def _timed(call: StartOptions, due: float | None, now: float) -> StartOptions:
    """Loading a module, and a busy store, take their time: what is left is known when it is started."""
    return call if due is None else replace(call, delay=max(0.0, due - now))


def _detached(app: App, row: RunRow, now: float, as_json: bool, quiet: bool) -> None:
    if as_json:
        say_json(id=row.id, function=row.function, state=str(row.state), due=formatting.iso(row.due))
    else:
        say(row.id)
    if quiet:
        return
    if row.state is not State.QUEUED:  # the same id again, or a worker was quicker than this look
        tell(formatting.state(row.state))
    if row.state.is_final:
        return
    tell_standing(app, row.id, when.begins_later(row, now))


def _words(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if not is_tag(tag):
            raise UsageError(
                f"--tag {tag!r} is no word", fix="a word without blanks; several: --tag a --tag b"
            )
    return tags
