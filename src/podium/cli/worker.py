"""`podium worker`: an engine without callers, until it is told to stop."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Literal

import click

from .. import __version__
from ..client import App, keep_queues, keep_schedules
from ..engine import EngineHost, Event, events
from ..errors import StoreUnavailable, UsageError
from ..model import ASK_DRAIN, EngineInfo
from ..opening import NEW_STORE, WAITING
from ..options import Options
from ..store import shown_url
from . import formatting, options
from .exit_codes import CONFIGURATION, FINE
from .pool import Pool
from .stop import Stop
from .terminal import tell
from .worker_modules import WorkerModules

MEND_SECONDS = 2.0  # how often a broken module is tried again
TICK_SECONDS = 0.25
# Runs in memory for each slot: one whose task runs, one that is ready when it ends. More would be taken from
# workers that may be idle.
RUNS_PER_SLOT = 2
MOST_WORKERS = 1000
IDLE_SECONDS = 10.0  # without a run, after which a pool lets a worker go

Kind = Literal["worker", "pool"]


@click.command(context_settings=options.HELP)
@click.argument("modules", nargs=-1, required=True, metavar="MODULE...")
@click.option(
    "-c", "slots", type=click.IntRange(1, options.COUNT_MAX), metavar="SLOTS", help="Tasks at once."
)
@click.option(
    "--grace", type=options.SECONDS, metavar="SECONDS", help="For running tasks to end. Default: 5."
)
@click.option(
    "-q", "queues", multiple=True, metavar="QUEUE",
    help="Only this queue, and others by more of it; '' for what is in none. Default: all.",
)  # fmt: skip
@click.option(
    "--max",
    "most",
    type=click.IntRange(1, MOST_WORKERS),
    metavar="N",
    help="Up to so many worker processes, as the load asks for.",
)
@click.option(
    "--min", "least", type=click.IntRange(0, MOST_WORKERS), default=0, metavar="N",
    help="With --max: at least so many. Default: 0.",
)  # fmt: skip
@options.store
@click.option("-v", "verbose", is_flag=True, help="A line for each run taken and left.")
@click.option("--lease", type=click.FloatRange(0.5), hidden=True)  # for tests, which cannot wait for long
@click.option("--idle", type=click.FloatRange(0.0), default=IDLE_SECONDS, hidden=True)  # likewise
@click.option("--of-pool", "parent", type=int, hidden=True)  # the process that has started it
def command(
    modules: tuple[str, ...],
    slots: int | None,
    grace: float | None,
    queues: tuple[str, ...],
    most: int | None,
    least: int,
    store: str | None,
    verbose: bool,
    lease: float | None,
    idle: float,
    parent: int | None,
) -> int:
    """Drive the runs of these modules until told to stop.

    MODULE is a dotted name or a path/to/file.py. A module that cannot be imported holds only its own runs,
    and is tried again. Ctrl-C or SIGTERM: claims nothing more, lets running tasks end within the grace time,
    hands the rest back. A second one ends at once.

    With --max it starts worker processes of SLOTS each where runs wait, and ends those that are idle.
    """
    if least > (most or 0):
        raise UsageError(f"--min {least} needs a --max that is no less")
    stop = Stop(parent)
    served = WorkerModules(modules)
    kind: Kind = "pool" if most else "worker"
    with closing(App(
        store, drives="all", options=engine_options(slots, grace, lease, queues), functions=served.functions,
        starter="", notice=notice, about=EngineInfo(kind=kind),
    )) as app:  # fmt: skip
        app.enter()
        served.load()
        if not served.exist:
            tell("  none of these modules exists, so there is nothing to serve")
            return CONFIGURATION
        if verbose:
            app.observers.append(observe)
        pool = None
        if most:
            pool = Pool(app, _words(modules, slots, grace, store, verbose, lease, queues), least, most, idle)
        exhausted = serve(app, served, stop, kind, pool)
        what = ("has old code, begins anew" if pool else "worn out, begins anew") if exhausted else "stopping"
        tell(
            formatting.dim(
                f"worker: {what}, running tasks get {app.options.grace:g} s; again ends it at once"
            )
        )
        if pool is not None:
            pool.close(app.options.grace)
    if exhausted and not stop.asked:
        # Threads that nobody can stop end with the process only. The same process id, so that whoever
        # looks after this one (a shell, systemd) notices nothing.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return FINE


def _words(
    modules: Sequence[str], slots: int | None, grace: float | None, store: str | None, verbose: bool,
    lease: float | None, queues: Sequence[str],
) -> list[str]:  # fmt: skip
    """What `podium worker` is given for one of a pool."""
    given = {"-c": slots, "--grace": grace, "--store": store, "--lease": lease}
    words = [text for queue in queues for text in ("-q", queue)]
    words += [text for name, value in given.items() if value is not None for text in (name, f"{value}")]
    return [*words, *(["-v"] if verbose else []), "--", *modules]


def serve(
    app: App, served: WorkerModules, stop: Stop, kind: Kind = "worker", pool: Pool | None = None
) -> bool:
    """Look after the engine until told to stop, or until it is worn out (a pool: has old code), which is the
    answer.

    Raises what it failed of: whoever looks after this process starts it again.
    """
    app.session.describe(about(served, app.options, kind))
    app.profile.patience = TICK_SECONDS  # this loop is patient, and can be told to stop meanwhile
    mend_due = app.env.monotonic() + MEND_SECONDS
    host: EngineHost | None = None
    waiting = False
    while not stop.within(TICK_SECONDS if host or waiting else 0.0):
        try:
            fresh = app.host
        except StoreUnavailable as error:  # tried again for as long as it takes
            if not waiting:
                tell(f"worker: waiting for the store: {error.message}")
            waiting = True
            continue
        waiting = False
        if host is None:
            _say_begin(app, served)
            app.session.tell_others()
        elif fresh is not host:  # it was taken for dead, and the app has begun another one
            tell(f"worker: frozen for too long and taken for dead; goes on as engine {fresh.id}")
        host = fresh
        if pool is not None:
            pool.look(host)
        if host.is_exhausted or (pool is not None and pool.is_outdated):
            return True
        if host.engine.ownership.asked == ASK_DRAIN:
            tell("worker: told to drain")
            return False
        if host.engine.failure is not None and not host.is_condemned:
            raise host.engine.failure
        if served.broken and app.env.monotonic() >= mend_due:
            mend_due = app.env.monotonic() + MEND_SECONDS
            _mend(app, served, kind)
    return False


def notice(text: str) -> None:
    """What else waits, and where; the rest this command says itself."""
    if not text.startswith((WAITING, NEW_STORE)):
        tell(text)


def engine_options(
    slots: int | None, grace: float | None, lease: float | None, queues: Sequence[str] = ()
) -> Options:
    given: dict[str, Any] = {"queues": tuple(queues) or None}
    if slots is not None:
        given |= {
            "loop_slots": slots, "thread_slots": slots, "process_slots": slots,
            "runs_max": RUNS_PER_SLOT * slots,
        }  # fmt: skip
    if grace is not None:
        given["grace"] = grace
    if lease is not None:
        given |= {"lease": lease, "poll": min(1.0, lease / 4)}
    return Options(**given)


def about(served: WorkerModules, options: Options, kind: Kind = "worker") -> EngineInfo:
    return EngineInfo(
        kind=kind, script=shown_url(shlex.join(["podium", *sys.argv[1:]])), version=__version__,
        slots=0 if kind == "pool" else options.thread_slots, modules=served.modules, broken=served.broken,
    )  # fmt: skip


def _say_begin(app: App, served: WorkerModules) -> None:
    own = [function for function in served.functions.values() if not function.is_built_in]
    workflows = sum(function.is_workflow for function in own)
    tasks = len(own) - workflows
    what = f"{formatting.many(workflows, 'workflow')}, {formatting.many(tasks, 'task')}"
    without = f", without {', '.join(served.broken)} until mended" if served.broken else ""
    tell(f"worker {os.getpid()}  {shown_url(app.url)}")
    good = ", ".join(module for module in served.modules if module not in served.broken)
    if good:
        tell(f"serves {what} of {good}{without}")
    else:
        tell(f"serves nothing yet: {', '.join(served.broken)} cannot be imported, and is tried again")
    tell(formatting.dim("Ctrl-C or SIGTERM stops it: running tasks end or are handed back"))


def _mend(app: App, served: WorkerModules, kind: Kind) -> None:
    before, came = served.broken, served.load()
    if served.broken != before:
        app.session.describe(about(served, app.options, kind))
    if came:
        tell(f"serves {', '.join(came)} now")
        keep_schedules(app.store, app.profile)
        keep_queues(app.store, app.profile)
        app.host.call(app.host.engine.claimer.soon)


def observe(event: Event) -> None:
    """A line for each run taken and left."""
    if isinstance(event, events.RunAdopted):
        tell(f"taken {event.run}  {formatting.label(event.head.function)}")
    elif isinstance(event, events.RunLeft):
        tell(f"{formatting.state(event.move.state)} {event.run}")
    elif isinstance(event, events.RunLost):
        tell(f"lost {event.run}")
