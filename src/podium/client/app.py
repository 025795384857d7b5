"""`App`: one store, and the engine that drives runs while this process lives.

Every surface goes through here. The default app opens on first use and closes when the process leaves.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..checks import check_type
from ..engine import End, EngineHost, EngineInfo, Observer, Options
from ..env import Env, RealEnv
from ..errors import EngineStopped, RunNotFound, UsageError
from ..executors import note_started_run, refuse_work_while_loading
from ..functions import Function, registry
from ..inspect import history
from ..model import EngineRow, Entry, NewRun, Query, RunRow, Verdict, Write
from ..store import Store, shown_url
from . import owners, steering
from .apps import Apps
from .busy_wait import PATIENCE, patiently
from .end_watcher import EndWatcher, settle
from .former_names import take_new_names
from .interrupt_notice import is_interrupted, tell_left
from .location import default_url, project_in, script, settled_url, store_file
from .notices import tell
from .opening import opened_store
from .others_notice import OthersNotice
from .presence import described, fate_of_others
from .process import Drives, wants_engine
from .resume_notice import ResumeNotices
from .signals import AT_EXIT, unwind_on_sigterm
from .start_options import StartOptions
from .starting import EncodedCall, Start, Started, chunks, encoded, new_run, started_run
from .steering import Cancelled
from .waiting import known, mapped
from .writing import first_not_refused

T = TypeVar("T")


class App:
    """A store and, unless it drives nothing, an engine in this process. Usable as a context manager.

    url        `sqlite:///path/to/file.db` or a path; default: `PODIUM_URL`, else `.podium/podium.db` beside
               the nearest project file
    drives     "all": every run of its functions that no other engine has; "own": those that this process
               starts or attaches to; "nothing": it only asks. Default: "all" (`PODIUM_ENGINE=off`: "nothing")
    options    what the engine may be told
    functions  what it may drive; default: all that is declared in this process
    starter    the script that may find its runs again; default: the one that runs
    notice     called with what a person should know; default: a line on stderr

    `with App():` that drives all has its engine at once; else opening happens on first use. It raises
    StoreRefused or StoreUnavailable. The default app, which a process has that opens none, drives all in a
    server and its own in a script, a notebook or a test.

    Example:

    >>> with App("runs.db", options=Options(thread_slots=64)):
    ...     report.run("Oslo")
    'report of Oslo'
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        drives: Drives | None = None,
        options: Options | None = None,
        env: Env | None = None,
        functions: Mapping[str, Function] = registry,
        starter: str | None = None,
        notice: Callable[[str], None] | None = None,
        about: EngineInfo | None = None,
    ) -> None:
        check_type("App", "url", url, (str, os.PathLike), "the path or URL of a store")
        check_type("App", "options", options, (Options,), "an Options(...)")
        self.url = settled_url(os.fspath(url) if url is not None else default_url())
        self._is_found = url is None and not os.environ.get("PODIUM_URL")  # by looking, so it is worth saying
        self.env: Env = env or RealEnv()
        self.options = options or Options()
        self.functions = functions
        self.starter = script() if starter is None else starter  # who may attach to what it left behind
        self.tell = notice or tell
        if drives not in (None, "all", "own", "nothing"):
            raise UsageError(f'App(drives={drives!r}): "all", "own" or "nothing" is needed')
        self.drives: Drives = drives or ("all" if wants_engine() else "nothing")
        self.has_engine = self.drives != "nothing"
        self.patience = PATIENCE  # s; how long opening, and a commit without an engine, waits for the store
        self.about = about  # what the engine says of itself
        self.observers: list[Observer] = []  # of the engine's events
        self._waiting = EndWatcher(self.env, lambda: self.store)
        self._resume_notices = ResumeNotices(self.env, self.tell, lambda: self.store)
        self._lock = threading.RLock()
        self._store: Store | None = None
        self._host: EngineHost | None = None
        self._others = OthersNotice(self)
        apps.add(self)
        self._closed = False

    # -- opening and closing --------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The open store."""
        with self._lock:
            if self._closed:
                raise EngineStopped("this app is closed")
            if self._store is None:
                refuse_work_while_loading()
                file = store_file(self.url)
                is_new = self._is_found and file is not None and not file.exists()
                self._store = self._patiently(lambda: opened_store(self.url))
                if is_new:
                    self.tell(f"podium: new store {file}")
            return self._store

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(act, self.env, self.tell, self.patience)

    @property
    def host(self) -> EngineHost:
        """The running engine; started on first use."""
        with self._lock:
            if self._host is not None and self._host.is_condemned:
                # Others took it for dead (this process was frozen, say) and its runs go on with them. It
                # does not come back, so that an id means one life; the process gets a fresh engine.
                self.env.spawn(self._host.close, name="podium-burial")
                self._host = None
            if self._host is None:
                if not self.has_engine:
                    raise UsageError(
                        "this app has no engine", fix='open it with drives="all", or start a worker'
                    )
                self._host = self._patiently(self._new_host)
                take_new_names(self.store, self.starter, self.functions, self.tell)
                AT_EXIT.install(self.close)
                unwind_on_sigterm()
            return self._host

    def _new_host(self) -> EngineHost:
        return EngineHost(
            self.store, self.functions, self.env, self.options, self._locks_directory(),
            self._info(), self.observers, self.url, fate_of_others(self.drives, self.about),
            partial(project_in, self.url),
        )  # fmt: skip

    def _info(self) -> str:
        return described(self.about, self.drives, self.options, self.functions, self.url).written()

    def describe(self, about: EngineInfo) -> None:
        """Let the engine say something else of itself from now on."""
        self.about = about
        if self._host is not None:
            self._host.describe(self._info())

    def _locks_directory(self) -> Path | None:
        file = store_file(self.url)
        return Path(f"{file}-locks") if file else None

    def close(self) -> None:
        """Let running tasks end within the grace time, hand the rest back, close the store."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            host, store = self._host, self._store
        atexit.unregister(self.close)
        wanted = host.engine.watchers.wanted if host is not None else []
        self._waiting.close()
        if host is not None:
            try:
                host.close()
            finally:  # also when a second Ctrl-C cuts the grace short
                if store is not None:
                    if wanted and is_interrupted():
                        tell_left(self.tell, store, self.url, self.starter, wanted)
                    self._others.close(store, wanted)
        if store is not None:
            store.close()

    @property
    def is_closed(self) -> bool:
        """Whether it is over, here."""
        return self._closed

    def forget(self) -> None:
        """In a forked child: everything here belongs to the parent."""
        if self._host is not None:
            self._host.forget()
        self._host = self._store = None
        self._closed = True
        self._lock = threading.RLock()
        self._waiting = EndWatcher(self.env, lambda: self.store)
        self._resume_notices = ResumeNotices(self.env, self.tell, lambda: self.store)

    def __enter__(self) -> App:
        if self.drives == "all":
            self.host.listen()
            self._others.begin(self.store, lambda: self.host.engine.watchers.wanted)
        self.enter()
        return self

    def __exit__(self, *_: object) -> None:
        apps.innermost = self._outer
        self.close()

    def enter(self) -> None:
        """Be the current app until it is left, without opening anything."""
        self._outer, apps.innermost = apps.innermost, self

    # -- starting -------------------------------------------------------------------------------------

    def start(
        self,
        function: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        call: StartOptions,
        watch: bool = False,
    ) -> Started:
        """Create a run; the future gives its id once it is durable. Bad arguments raise here, unstored."""
        (started,) = self.start_many(function, [encoded(function, args, kwargs, call)], watch)
        return started

    def start_many(
        self, function: Function, calls: Sequence[EncodedCall], watch: bool = False
    ) -> list[Started]:
        """Create a run for each call, in one commit for each chunk of them."""
        refuse_work_while_loading()
        if self.has_engine:
            # Opened before the runs are dated: what is older than the engine was left behind.
            self.host.listen()
        started: list[Started] = []
        for chunk in chunks(calls):
            of = (self.env, self.starter, project_in(self.url, function))
            new_runs = [new_run(function, call, *of) for call in chunk]
            started += self._start([self._to_start(new, function.label, watch) for new in new_runs])
        return started

    def _to_start(self, new: NewRun, label: str, watch: bool = False) -> Start:
        return Start(new, label, Started(Future(), Future() if watch else None))

    def _start(self, starts: Sequence[Start]) -> list[Started]:
        note_started_run()
        if self.has_engine:
            self.host.call(self._start_here, starts)
        else:
            verdicts = self._commit([Write(new_runs=(start.new,)) for start in starts])
            for start, verdict in zip(starts, verdicts, strict=True):
                self._answered(start, verdict)
        return [start.started for start in starts]

    def _start_here(self, starts: Sequence[Start]) -> None:
        """On the engine's thread: what is asked in one go is committed in one go."""
        for start in starts:
            watch = settle(start.started.end) if start.started.end is not None else None
            self.host.engine.clients.start(start.new, partial(self._answered, start), watch)

    def _answered(self, start: Start, verdict: Verdict | BaseException) -> None:
        """Tell the caller, wherever it waits, what has become of a start. On some thread."""
        id, end = start.started
        try:
            if isinstance(verdict, BaseException):
                raise verdict
            run, resumed = started_run(start.new, start.label, verdict)
            if self.has_engine and not self._closed:  # as it closes, starts still come on record
                self._others.begin(self.store, lambda: self.host.engine.watchers.wanted)
        except BaseException as error:  # the caller's
            id.set_exception(error)
            if end is not None and not end.done():
                end.set_exception(error)
            return
        if end is not None and not self.has_engine:
            self._watch(run, settle(end))
        if resumed:
            self._resume_notices.add(run, id)
        else:
            id.set_result(run)

    def left_by_caller(self, run: str) -> None:
        """Whoever waited for a run at a prompt has pressed Ctrl-C: say that it goes on, and how it ends."""
        if self.has_engine:
            self.host.call(self.host.engine.clients.interrupted, run)
            self.tell(
                f"podium: run {run} goes on in this process; podium.get({run!r}) has it: .result(), .cancel()"
            )

    # -- waiting --------------------------------------------------------------------------------------

    def wait(self, run: str) -> Future[End]:
        """A future of how the run comes out: a final state, or parked."""
        future: Future[End] = Future()
        self._watch(run, settle(future))
        return future

    def _watch(self, run: str, then: Callable[[End | BaseException], None]) -> None:
        if self.has_engine:
            self.host.call(self.host.engine.clients.watch, run, then)
        else:
            self._waiting.add(run, then)

    # -- looking --------------------------------------------------------------------------------------

    def load(self, run: str) -> RunRow:
        """A run's row. Raises RunNotFound."""
        row = self.store.load(run)
        if row is None:
            raise RunNotFound(f"no run {run!r} in {shown_url(self.url)}", fix="podium runs  lists them")
        return row

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first."""
        return self.store.find(query)

    def history(self, run: str) -> list[Entry]:
        """The whole recorded history of a run, in order. Raises RunNotFound."""
        self.load(run)
        return list(history.entries(self.store, run))

    def is_alive(self, engine: EngineRow) -> bool | None:
        """Whether an engine's process lives; None where only its lease can tell (another host)."""
        return owners.is_alive(self._locks_directory(), engine)

    def is_left(self, row: RunRow) -> bool:
        """Whether a run is held by a process that is certainly dead."""
        return owners.is_left(self.store, self._locks_directory(), row)

    # -- steering -------------------------------------------------------------------------------------

    def write(self, write: Write) -> Future[Verdict]:
        """Commit a client's write, through the engine if there is one."""
        future: Future[Verdict] = Future()
        if self.has_engine:
            self.host.call(self.host.engine.clients.write, write, settle(future))
        else:
            future.set_result(self._commit([write])[0])
        return future

    def _commit(self, writes: Sequence[Write]) -> list[Verdict]:
        """Without an engine."""
        return self._patiently(lambda: self.store.commit(None, writes))

    def cancel(self, run: str) -> Future[Cancelled]:
        """Ask a run to stop: CancelledError is raised in its body at the next turn; one whose body has not
        begun, or that is parked, ends at once. Raises RunNotFound."""
        writes = steering.cancelling(self.load(run), self.env.new_id(), self.env.now())
        if not writes:
            return known(Cancelled.TOO_LATE)
        return mapped(first_not_refused(self.write, writes), lambda done: steering.cancelled_by(*done))

    def terminate(self, run: str) -> Future[Verdict]:
        """End a run that nobody, or a dead process, holds; its body does not run."""
        return self._decide(run, steering.terminating(*self._freed(run), self.env.now()))

    def rename(self, run: str, function: str) -> Future[Verdict]:
        """Have a run that nobody, or a dead process, holds go on with a function by its new name."""
        return self._decide(run, steering.renaming(*self._freed(run), function))

    def _freed(self, run: str) -> tuple[RunRow, EngineRow | None]:
        """A run's row, taken from a dead owner, and the living owner that it has."""
        row = self.load(run)
        if self._patiently(lambda: owners.free(self.store, self._locks_directory(), row)):
            row = self.load(run)  # by its new token: an engine that takes it meanwhile wins
        return row, owners.owner_of(self.store, row)

    def resume(self, run: str) -> Future[Verdict]:
        """Put a parked run back in line."""
        row = self.load(run)
        ours = self.functions.get(row.function)
        code = ours.fingerprint if ours is not None else None
        return self._decide(run, steering.resuming(row, self.env.now(), code))

    def _decide(self, run: str, write: Write) -> Future[Verdict]:
        """A person's decision, which is refused where the run has moved on meanwhile: WrongState."""

        return mapped(self.write(write), partial(steering.accepted, run))

    def retry(self, run: str) -> Started:
        """A new run of a failed one, from its recorded past: it goes on at the step that failed."""
        row = self.load(run)
        new = steering.retrying(row, self.history(run), self.env.new_id(), self.env.now())
        return self._start([self._to_start(new, row.function)])[0]


apps: Apps[App] = Apps()
