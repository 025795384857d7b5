"""`App`: one store, and the engine that drives runs while this process lives.

Every surface goes through here. The default app opens on first use and closes when the process leaves.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from .. import late
from ..checks import check_type
from ..engine import End, EngineHost
from ..env import Env, RealEnv
from ..errors import UsageError
from ..executors import ExecutorFactory
from ..functions import Function, registry
from ..inspect import Records, drop_our_frames
from ..model import EngineInfo, EngineRow, Entry, Query, RunRow, Verdict
from ..opening import default_url, in_test, is_found_by_folder, settled_url
from ..options import Options
from ..store import Store
from .apps import Apps
from .end_watcher import settle
from .notices import tell
from .process import Drives, wants_engine
from .profile import Profile, checked_executors
from .project import script
from .session import LEFT_AT_ONCE, Session
from .start_options import NO_VALUE, StartOptions
from .starting import Started
from .starts import Starts

if TYPE_CHECKING:
    from . import decisions, operators
    from .decisions import Decisions
    from .families import StopWait
    from .operators import Operator
    from .steering import Cancelled
else:
    decisions = late.module(globals(), ".decisions")
    operators = late.module(globals(), ".operators")


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
    executors  by the name that `@task(executor="name")` says: what makes one, see `podium.executors.Executor`

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
        executors: Mapping[str, ExecutorFactory] | None = None,
    ) -> None:
        check_type("App", "url", url, (str, os.PathLike), "the path or URL of a store")
        check_type("App", "options", options, (Options,), "an Options(...)")
        if drives not in (None, "all", "own", "nothing"):
            raise UsageError(f'App(drives={drives!r}): "all", "own" or "nothing" is needed')
        self.profile = profile = Profile(
            url=settled_url(os.fspath(url) if url is not None else default_url()),
            is_found=url is None and is_found_by_folder(),
            env=env or RealEnv(),
            options=options or Options(),
            functions=functions,
            starter=script() if starter is None else starter,
            tell=notice or tell,
            drives=drives or ("all" if wants_engine() else "nothing"),
            about=about,
            executors=checked_executors(executors or {}),
            kept_notices=[] if url is None and in_test() else None,  # one by its URL is meant to tell
        )
        self.url, self.env, self.options, self.tell = profile.url, profile.env, profile.options, profile.tell
        self.functions, self.drives, self.has_engine = functions, profile.drives, profile.has_engine
        self.observers = profile.observers
        self.session = Session(profile, home=self)
        self.records = Records(lambda: self.session.store, self.url)
        self.starts = Starts(self.session)
        apps.add(self.session)

    # -- opening and closing --------------------------------------------------------------------------

    @functools.cached_property
    def decisions(self) -> Decisions:
        """What a person decides about runs."""
        return decisions.Decisions(self.session, self.records, self.starts)

    @property
    def store(self) -> Store:
        """The open store."""
        return self.session.store

    @property
    def host(self) -> EngineHost:
        """The running engine; started on first use."""
        return self.session.host

    def is_alive(self, engine: EngineRow) -> bool | None:
        """Whether an engine's process lives; None where only its lease can tell (another host)."""
        return self.session.is_alive(engine)

    def close(self) -> None:
        """Let running tasks end within the grace time, hand the rest back, close the store.

        Raises KeyboardInterrupt where Ctrl-C cuts that short.
        """
        try:
            self.session.close()
        except KeyboardInterrupt as error:
            drop_our_frames(error)
            raise

    def __enter__(self) -> App:
        if self.drives == "all":
            try:
                self.session.listen()
                self.session.tell_others()
            except BaseException as error:  # its block is not entered, so nobody else would close it
                is_cut = isinstance(error, KeyboardInterrupt)
                with contextlib.suppress(*([KeyboardInterrupt] if is_cut else [])):  # told already
                    self.close()
                if is_cut:
                    drop_our_frames(error)
                raise
        self.enter()
        return self

    def __exit__(self, *about: object) -> None:
        try:
            apps.leave(self)  # for what is called while this one closes
            self.session.close()
        except KeyboardInterrupt as error:
            if KeyboardInterrupt in about:  # the block was left by one, which goes on from here
                if self.session.is_closed:  # else it is closed at exit
                    self.tell(LEFT_AT_ONCE)
                return
            drop_our_frames(error)
            raise
        finally:
            apps.leave(self)  # also where Ctrl-C came before the first line

    def enter(self) -> None:
        """Be the current app until it is left, without opening anything."""
        apps.enter(self)

    # -- runs -----------------------------------------------------------------------------------------

    def start(
        self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], options: StartOptions
    ) -> Started:
        """Create a run; what it gives tells its id once it is durable. Bad arguments raise here, unstored."""
        return self.starts.one(function, args, kwargs, options)

    def wait(self, run: str, created: float | None = None) -> Future[End]:
        """A future of how the run comes out: a final state, or parked. It raises RunNotFound where the run is
        gone, also where another run, not `created` then, has its id."""
        future: Future[End] = Future()
        self.session.watch(run, settle(future), created)
        return future

    def load(self, run: str) -> RunRow:
        """A run's row. Raises RunNotFound."""
        return self.records.load(run)

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first."""
        return self.records.find(query)

    def history(self, run: str) -> list[Entry]:
        """The whole recorded history of a run, in order. Raises RunNotFound."""
        return self.records.history(run)

    def cancel(self, run: str, by: Operator | None = None) -> Future[Cancelled]:
        """Ask a run to stop; one whose body has not begun, or that is parked, ends at once.
        `by`: who does, for the record, here and below; None: the login name.

        Raises RunNotFound.
        """
        return self.decisions.cancel(run, by or operators.operator())

    def terminate(self, run: str, by: Operator | None = None) -> Future[Verdict]:
        """End a run that nobody, or a dead process, holds; its body does not run. Raises WrongState."""
        return self.decisions.terminate(run, by or operators.operator())

    def resume(self, run: str, by: Operator | None = None) -> Future[Verdict]:
        """Put a parked run back in line. Raises WrongState."""
        return self.decisions.resume(run, by or operators.operator())

    def retry(self, run: str, by: Operator | None = None, stops: StopWait | None = None) -> Started:
        """A new run of a failed one, from its recorded past: it goes on at the step that failed.

        Raises WrongState; waits some seconds for child runs that were asked to stop, except in an event loop.
        `stops`: where several are retried, which then wait no longer than one.
        """
        return self.decisions.retry(run, by or operators.operator(), stops)

    def fork(self, run: str, at: str | int, value: Any = NO_VALUE, by: Operator | None = None) -> Started:
        """A new run from the record of any, up to before the outcome of a step, or with `value` as that.

        Raises WrongState and UsageError.
        """
        return self.decisions.fork(run, at, by or operators.operator(), value)


apps: Apps[App] = Apps()
