"""A run that a command drives or watches: followed to its end, reported, with how to go on."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence

from ..client import App, Started, wants_engine
from ..env import RealEnv
from ..errors import UsageError
from ..inspect import history
from ..inspect.expected import expected
from ..model import EngineInfo, Entry, RunRow, State
from . import formatting, terminal, when
from .asking import only_waits
from .exit_codes import FAILED, FINE, TIMED_OUT
from .follow import Follower, surface
from .json_answer import say_json
from .outcome import ending, outcome_json, result_text
from .stopping import Stopping
from .target import Target, load_for
from .terminal import say, tell
from .view import View

_PAUSE = 0.05  # s between looks at whether we were told to stop
_RESULT_MAX = 4000  # characters of a result on a terminal


def open_engine(app: App, wait: float | None = None) -> None:
    """Before we listen to signals: while the store is busy, and nothing has begun, Ctrl-C just ends us."""
    if wait is not None:
        app.profile.patience = min(wait, app.profile.patience)
    # Before the engine is on record: the file that was launched is Podium's own.
    app.profile.about = EngineInfo(script=app.profile.starter, slots=app.options.thread_slots)
    app.host.listen()


def require_engine() -> None:
    """Refuse to drive a run where processes like this one are told to drive nothing."""
    if not wants_engine():
        raise UsageError(
            f"PODIUM_ENGINE={os.environ.get('PODIUM_ENGINE', '')}: this process is to drive nothing",
            fix="--detach leaves the run to a worker; or unset PODIUM_ENGINE",
        )


def observed_view(app: App, target: Target) -> View:
    """A view that sees everything from the start; its `run` is to be set."""
    view = View(target.function.label, RealEnv().now())
    app.observers.append(view.observe)
    return view


def comes_on_record(started: Started, view: View, stop: Stopping, wait: float | None) -> bool:
    """Whether a run that was just started comes on record before we are to stop, and in time."""
    env = RealEnv()
    until = math.inf if wait is None else env.monotonic() + wait
    while not stop.by and env.monotonic() < until:
        try:
            view.run = started.id.result(_PAUSE)
        except TimeoutError:
            if started.id.done():  # it is the start's own
                raise
        else:
            return True
    return False


def leave(app: App, started: Started, view: View, stop: Stopping, *, as_json: bool, quiet: bool) -> int:
    """Leave a run that is not on record yet. As the app closes it may still come there; the exit code."""
    app.close()
    if not started.id.done() or started.id.exception() is not None:
        tell(f"{'stopped' if stop.by else 'not done yet'}: the run is not on record")
        return stop.code if stop.by else TIMED_OUT
    view.run = started.id.result()
    return come_out(app, view, stop, 0.0, as_json=as_json, quiet=quiet)


def drive_again(url: str, row: RunRow, begin: Callable[[App], str], *, as_json: bool, quiet: bool) -> int:
    """Drive here what goes on from a run on record. `begin` makes it go on, and gives the id of what does."""
    target = load_for(row.function, row.starter, url)
    with App(url, notice=only_waits, starter=target.file, drives="own") as app:
        open_engine(app)
        view = observed_view(app, target)
        with Stopping(says=not quiet) as stop:
            view.run = begin(app)
            stop.by_id("resume", view.run, app.url)
            return drive(app, view, stop, as_json=as_json, quiet=quiet)


def drive(
    app: App, view: View, stop: Stopping, *, wait: float | None = None, as_json: bool, quiet: bool
) -> int:
    """Follow a run to its end, driven here if the app has an engine; report it; the exit code."""
    env = RealEnv()
    if app.has_engine:
        app.session.describe(
            EngineInfo(script=app.profile.starter, slots=app.options.thread_slots, run=view.run)
        )
    row = app.load(view.run)
    view.call = formatting.call(row.args)
    if not quiet and terminal.is_live():
        view.usual = expected(app, row.function)
    if not quiet and not terminal.is_live():
        steps = history.steps_on_record(app.store, row.id) if row.entries else 0
        tell(_opening(row, view, app.has_engine, steps))
    screen = surface(quiet, env.now())
    stop.restore, stop.says = screen.restore, stop.says and not terminal.is_live()
    # What it was told to wait before it begins is no time that it takes.
    ahead = max(0.0, (row.due or 0.0) - env.now()) if row.state is State.QUEUED else 0.0
    began = env.monotonic() + ahead
    Follower(app, view, screen, stop).follow(wait)
    app.close()
    return come_out(app, view, stop, max(0.0, env.monotonic() - began), as_json=as_json, quiet=quiet)


def come_out(app: App, view: View, stop: Stopping, seconds: float, *, as_json: bool, quiet: bool) -> int:
    """What a run has come to that was driven here for so many seconds, or left; the exit code."""
    with App(app.url, drives="nothing") as looking:
        row = looking.load(view.run)
        tail = history.tail(looking.store, row)
        if not row.state.is_settled:
            return _left(row, history.steps_on_record(looking.store, row.id), stop, app.has_engine, as_json)
    if not app.has_engine and row.ended is not None:  # it was watched: how long that took says nothing
        seconds = row.ended - (row.started or row.created)
    _report(row, tail, seconds, view, as_json, quiet)
    return FINE if row.state is State.SUCCEEDED else FAILED


def _opening(row: RunRow, view: View, driven: bool, steps: int) -> str:
    known = f": {history.in_words(steps)}" if row.entries else ""
    how = "watching" if not driven else "resumed" if row.entries else "run"
    later = when.begins_later(row, RealEnv().now())
    return f"{how} {row.id}{known}  {view.label}({view.call}){later and f'  {later}'}"


def _left(row: RunRow, steps: int, stop: Stopping, driven: bool, as_json: bool) -> int:
    how = "not done yet" if not stop.by else "stopped" if driven else f"left {row.state}"
    tell(f"{how}: {history.in_words(steps, of=row.id)}")
    tell(stop.way_on)
    if as_json:
        say_json(id=row.id, function=row.function, state=str(row.state))
    return stop.code if stop.by else TIMED_OUT


def _report(
    row: RunRow, tail: Sequence[Entry], seconds: float, view: View, as_json: bool, quiet: bool
) -> None:
    good = row.state is State.SUCCEEDED
    if as_json:
        say_json(
            id=row.id, function=row.function, state=str(row.state), steps=view.progress.steps,
            retries=view.progress.retried, **outcome_json(row),
        )  # fmt: skip
    elif quiet:
        say(row.id)
    elif good:
        text = result_text(
            row.payload, _RESULT_MAX if terminal.is_tty(sys.stdout) else len(row.payload) + 1000
        )
        if text:
            say(text)
    if not (quiet and good):
        for line in ending(row, tail, seconds, view.progress.steps, view.progress.retried):
            tell(line)
