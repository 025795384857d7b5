"""`Session`: the store and the engine of one app, each opened on first use, and what ends with them."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from .. import late
from ..engine import End, EngineHost, QueueNotes
from ..errors import EngineStopped, UsageError
from ..executors import refuse_work_while_loading
from ..model import EngineInfo, EngineRow, Verdict, Write
from ..opening import NEW_STORE, is_alive, locks_directory, opened_store, patiently, store_file
from ..store import Store
from .asking import Asking
from .declared_schedules import keep_schedules
from .end_watcher import EndWatcher
from .former_names import take_new_names
from .interrupt_notice import is_interrupted, keep_status, tell_left
from .others_notice import OthersNotice
from .presence import described, fate_of_others
from .profile import Functions, Profile
from .project import ELSEWHERE, project_in, store_elsewhere
from .queue_record import keep_queues, served_by
from .resume_notice import ResumeNotices
from .signals import AT_EXIT, SHOWN, CtrlC, unwind_on_sigterm
from .undriven_notice import UndrivenNotice

LEFT_AT_ONCE = "podium: left at once: what was running is cut off"
LEFT_OPEN = (
    "podium: closed before the store had answered what was asked in an event loop, so perhaps not done:"
)
ASKED_SECONDS = 1.0  # at least, for what was asked in an event loop, also where tasks have no grace
T = TypeVar("T")


class Session:
    """Opens, closes, and reaches the store: through the engine if there is one. Any thread."""

    def __init__(self, profile: Profile, home: object = None) -> None:
        """`home`: the app that this is of, for what tasks ask of Podium."""
        self.profile, self._home = profile, home
        self.has_engine = profile.has_engine  # whether it drives runs at all
        self._store: Store | None = None
        self._host: EngineHost | None = None
        self._locks: Path | None = None
        self._ready: EngineHost | None = None  # `_host`, once all is done that its first use begins
        self._is_closed = False
        self.queue_notes = QueueNotes()  # without an engine
        self._others = OthersNotice(profile, self.is_alive)
        self.undriven = UndrivenNotice(profile, lambda: self.store, self.is_alive)
        self._renew()

    def _renew(self) -> None:
        """What a forked child has anew: its parent's threads are not there, its locks may be held."""
        profile = self.profile
        self._lock = threading.RLock()
        self._ends = EndWatcher(profile.env, lambda: self.store)
        self.asking = Asking(profile.env, partial(AT_EXIT.install, self._close_at_exit))
        self.resumed = ResumeNotices(profile.env, profile.tell, lambda: self.store)

    # -- opening --------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The open store."""
        if self._store is not None and not self._is_closed:  # asked for at every start: without the lock
            return self._store
        profile = self.profile
        with self._lock:
            if self._is_closed:
                raise EngineStopped("this app is closed")
            if self._store is None:
                refuse_work_while_loading()
                file = store_file(profile.url)
                is_new = profile.is_found and file is not None and not file.exists()
                SHOWN.opens(self)
                try:
                    self._store = self.patiently(lambda: opened_store(profile.url, profile.env))
                except BaseException:
                    SHOWN.closed(self)
                    raise
                if is_new:
                    profile.tell(f"{NEW_STORE} {file}")
                other = store_elsewhere(profile.url, profile.functions) if profile.is_found else None
                if other is not None:
                    here, there = file.parent.parent if file else "", other.parent.parent
                    profile.tell(
                        f"{ELSEWHERE} {here}; {there} has one of its own, where this program's "
                        f"runs may wait: start it in there, or with PODIUM_URL={other}"
                    )
            return self._store

    @property
    def host(self) -> EngineHost:
        """The running engine; started on first use."""
        ready = self._ready  # asked for at every start: without the lock
        if ready is not None and not ready.is_condemned:
            return ready
        profile = self.profile
        with self._lock:
            if self._host is not None and self._host.is_condemned:
                # Others took it for dead (this process was frozen, say) and its runs go on with them. It
                # does not come back, so that an id means one life; the process gets a fresh engine.
                profile.env.spawn(self._host.close, name="podium-burial")
                self._host = self._ready = None
            if self._host is None:
                if not profile.has_engine:
                    raise UsageError(
                        "this app has no engine", fix='open it with drives="all", or start a worker'
                    )
                if profile.drives == "all":  # a server or a worker
                    late.load_all()
                # Before there is an engine, which would begin with what schedules were.
                keep_schedules(self.store, profile)
                self._host = self.patiently(self._new_host)
                take_new_names(self.store, profile.starter, profile.functions, profile.tell)
                keep_queues(self.store, profile)
                AT_EXIT.install(self._close_at_exit)
                unwind_on_sigterm()
                self._ready = self._host
            return self._host

    def _new_host(self) -> EngineHost:
        profile = self.profile
        functions = Functions(profile.blocks, profile.functions)
        return EngineHost(
            self.store, functions, profile.env, served_by(self.store, profile), self.locks_directory,
            self._info(), profile.observers, profile.url, fate_of_others(profile.drives, profile.about),
            partial(project_in, profile.url), profile.executors,
            self._home,
        )  # fmt: skip

    def _info(self) -> str:
        profile = self.profile
        return described(
            profile.about, profile.drives, served_by(self.store, profile), profile.functions, profile.url
        ).written()

    def describe(self, about: EngineInfo) -> None:
        """Let the engine say something else of itself from now on."""
        self.profile.about = about
        if self._host is not None:
            self._host.describe(self._info())

    def listen(self) -> EngineHost:
        """The running engine, which hears what tasks print although somebody has replaced the streams."""
        host = self.host
        host.listen()
        return host

    @property
    def locks_directory(self) -> Path | None:
        """Where the engines of this host hold their locks; None beside a store in memory."""
        with self._lock:
            if not self._is_closed and self._locks is None:
                self._locks = locks_directory(self.profile.url, self.store)
            return self._locks

    def is_alive(self, engine: EngineRow) -> bool | None:
        """Whether an engine's process lives; None where only its lease can tell (another host)."""
        return is_alive(self.locks_directory, engine)

    # -- use ------------------------------------------------------------------------------------------

    def patiently(self, act: Callable[[], T]) -> T:
        """Do it as soon as the store lets us."""
        return patiently(act, self.profile.env, self.profile.tell, self.profile.patience)

    def commit(self, writes: Sequence[Write]) -> list[Verdict]:
        """Without an engine."""
        return self.patiently(lambda: self.store.commit(None, writes))

    def watch(
        self, run: str, then: Callable[[End | BaseException], None], created: float | None = None
    ) -> Callable[[], None]:
        """Have `then` called, on some thread, when the run is final, parked or gone; gives what takes that
        back."""
        if self.profile.has_engine:
            host = self.host
            host.call(host.engine.clients.watch, run, then, created)
            return partial(host.call, host.engine.watchers.remove, run, then)
        self._ends.add(run, then, created)
        self.undriven.tell(run)
        return partial(self._ends.remove, run, then)

    def tell_others(self) -> None:
        """What this process drives has begun: say in a moment what else waits."""
        if self._others.has_begun:
            return
        with self._lock:
            if not self._is_closed:  # as it closes, starts still come on record
                self._others.begin(self.store, lambda: self.host.engine.watchers.wanted)

    # -- the end --------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether it is over, here."""
        return self._is_closed

    def close(self) -> None:
        """Let running tasks end within the grace time, hand the rest back, close the store.

        Raises KeyboardInterrupt where Ctrl-C cuts that short.
        """
        try:
            with CtrlC() as ctrl_c:
                self._close(ctrl_c)
            ctrl_c.raise_noted()
        finally:
            SHOWN.closed(self)

    def _close(self, ctrl_c: CtrlC) -> None:
        if self._is_closed:
            return
        try:
            with ctrl_c.may_cut():
                # While all is open: what was asked in an event loop is done, awaited or not.
                self.asking.drain(max(self.profile.options.grace, ASKED_SECONDS))
        finally:  # also when Ctrl-C cuts it short
            if left := self.asking.end():
                self.profile.tell(f"{LEFT_OPEN} {left}")
            self._close_all(ctrl_c)

    def _close_all(self, ctrl_c: CtrlC) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            host, store = self._host, self._store
        atexit.unregister(self._close_at_exit)
        self._ends.close()
        self.resumed.close()
        if host is not None:
            wanted, is_to_say = host.engine.watchers.wanted, self._others.end()
            try:
                with ctrl_c.may_cut():
                    host.close()
            finally:  # also when Ctrl-C cuts the grace short
                if store is not None:
                    if wanted and (is_interrupted() or self.profile.drives == "own"):
                        _tell_left(self, store, host.id, wanted)
                    if is_to_say:
                        self._others.say(store, wanted)
        if store is not None:
            store.close()

    def _close_at_exit(self, is_noted: bool = False) -> None:
        try:
            with CtrlC(is_noted) as ctrl_c:
                self._close(ctrl_c)
        except (KeyboardInterrupt, SystemExit):  # Python would print our frames, and go on to end
            if self._is_closed:
                self.profile.tell(LEFT_AT_ONCE)
            else:  # it came before it was held
                self._close_at_exit(is_noted=True)
        keep_status()

    def forget(self) -> None:
        """In a forked child: everything here belongs to the parent."""
        if self._host is not None:
            self._host.forget()
        self._host = self._ready = self._store = None
        self._is_closed = True
        SHOWN.closed(self)
        self._renew()


def _tell_left(session: Session, store: Store, ours: str, wanted: Sequence[str]) -> None:
    profile = session.profile

    def is_alive(engine: EngineRow) -> bool | None:
        return engine.id != ours and session.is_alive(engine)

    tell_left(profile.tell, store, profile.url, profile.starter, wanted, is_alive, is_interrupted())
