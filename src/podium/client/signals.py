"""SIGTERM is answered as Ctrl-C is: the process unwinds, its apps hand their runs back, a second one kills.

Python's default for SIGTERM is death on the spot. Then nothing is lost either, but running tasks get no
grace, and their attempts count as lost with their process.

While an app closes, Ctrl-C ends the grace and hits nowhere else. Where it hits code of ours and ends the
program, that code is not shown.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType, TracebackType

from .. import changes, process
from ..env import RealEnv
from ..inspect import leave_only_theirs, their_frames
from .process import is_session

ECHO_SECONDS = 0.1  # less than any person needs for a second press


class Echo:
    """Tells a second signal that is meant from the same one that came twice.

    `timeout` of coreutils sends its signal to the process and then to the whole group, and wrappers pass a
    Ctrl-C on to whom the terminal has sent it already.
    """

    def __init__(self) -> None:
        self._env = RealEnv()
        self._meant, self._at = 0, 0.0

    def hears(self, number: int) -> bool:
        """Whether this signal is but the last one again; if not, it is noted."""
        now = self._env.monotonic()
        if number == self._meant and now - self._at < ECHO_SECONDS:
            return True
        self._meant, self._at = number, now
        return False

    def follows(self, number: int) -> None:
        """This signal has come, just before now."""
        self._meant, self._at = number, self._env.monotonic()


def unwind_on_sigterm() -> None:
    """From now on SIGTERM raises SystemExit in the main thread, once; and it is known when a signal has come.

    Only where nobody has said what it does, and from the main thread; else it stays as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _WAKEUP.install()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        _SIGTERM.install(signal.SIGTERM, _unwind)


def is_unwinding() -> bool:
    """Whether SIGTERM ends this process."""
    return _unwind.is_asked


def is_cut_off() -> bool:
    """Whether Ctrl-C ends the process, or the block that is being left."""
    # At exit nothing is being handled any more; the interpreter keeps what it has printed.
    return sys.exc_info()[0] is KeyboardInterrupt or getattr(sys, "last_type", None) is KeyboardInterrupt


class _Unwind:
    def __init__(self) -> None:
        self.is_asked = False
        self._echo = Echo()

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self._echo.hears(number):
            return
        if self.is_asked:
            process.kill_by(number)
        self.is_asked = True
        raise SystemExit(128 + number)


_unwind = _Unwind()


class CtrlC:
    """While it is entered, Ctrl-C raises KeyboardInterrupt inside `may_cut()` alone, and is noted elsewhere:
    what is told and handed back around that is neither left out nor shown as a traceback of ours.

    One more, after it has cut something off, kills. Only where nobody has said what Ctrl-C does, and in the
    main thread; else it changes nothing. `is_noted`: it came before.
    """

    def __init__(self, is_noted: bool = False) -> None:
        self._echo = Echo()
        if is_cut_off():  # the first one was Python's own: when it came is known no better
            self._echo.follows(signal.SIGINT)
        self._is_noted = is_noted
        self._may_raise = self._has_cut = self._is_ours = False

    def __enter__(self) -> CtrlC:
        if threading.current_thread() is threading.main_thread():
            try:
                self._take()
            except KeyboardInterrupt:  # it was on its way
                self._is_noted = True
                self._take()
        return self

    def _take(self) -> None:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            _SIGINT.install(signal.SIGINT, self._hears)
            self._is_ours = True

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            process.let_go(signal.SIGINT)

    @contextmanager
    def may_cut(self) -> Generator[None]:
        """Here it raises KeyboardInterrupt, at once where it came before."""
        try:
            self._may_raise = True
            if self._is_noted:
                self._cut()
            yield
        finally:
            self._may_raise = False

    def raise_noted(self) -> None:
        """Raise KeyboardInterrupt where it came and has cut nothing off: for what follows."""
        if self._is_noted and not self._has_cut:
            raise KeyboardInterrupt

    def _cut(self) -> None:
        self._has_cut, self._may_raise = True, False
        raise KeyboardInterrupt

    def _hears(self, number: int, _frame: FrameType | None) -> None:
        if self._echo.hears(number):
            return
        if self._has_cut:
            process.kill_by(number)
        self._is_noted = True
        if self._may_raise:
            self._cut()


Show = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def _without_ours(show: Show) -> Show:
    """What shows an exception that ends the program, a Ctrl-C without our frames, wherever it has hit us: at
    a start, in a sleep, while an app opens."""

    def show_theirs(kind: type[BaseException], error: BaseException, found: TracebackType | None) -> object:
        if not issubclass(kind, KeyboardInterrupt):
            return show(kind, error, found)
        with CtrlC():  # pressed once more it would show this very line, and call it an error
            leave_only_theirs(error)
            return show(kind, error, their_frames(found))  # who called may have left some out

    return show_theirs


class _Shown:
    """What shows exceptions, while an app is open that the main thread of a script has opened.

    No longer and nowhere else: prompts, notebooks and consoles show exceptions in ways of their own, and some
    look whether anybody has put something in between.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakSet[object] = weakref.WeakSet()
        self._ours: Show | None = None
        self._given: Show = sys.excepthook

    def opens(self, app: object) -> None:
        """An app begins to open, in this thread."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_session() or sys.flags.interactive or not is_main:
            return
        self._open.add(app)
        if self._ours is None:
            self._given = sys.excepthook
            self._ours = _without_ours(self._given)
            _EXCEPTHOOK.install(self._ours)

    def closed(self, app: object) -> None:
        """It is closed, or was not opened. A Ctrl-C that is on its way out is still to be shown."""
        self._open.discard(app)
        if self._open or self._ours is None or sys.exc_info()[0] is KeyboardInterrupt:
            return
        if sys.excepthook is self._ours:  # else somebody's stands before it, and may call it
            _EXCEPTHOOK.install(self._given)
        self._ours = None


def _show_by(show: Show) -> None:
    sys.excepthook = show


_EXCEPTHOOK = changes.declare(
    "sys.excepthook",
    when="an app opens in the main thread of a script",
    why="a program that Ctrl-C ends shows its own lines, and none of Podium's; all else is passed on",
    until="the last one is closed, unless by Ctrl-C; never at a prompt, in a notebook or in forked processes",
    install=_show_by,
)

SHOWN = _Shown()

_SIGTERM = changes.declare(
    "SIGTERM",
    when=changes.ENGINE,
    why="it ends the process in order, as Ctrl-C does: runs are handed back, and a line says how they go on",
    until=f"{changes.NEVER}; never where you handle it, and not in forked processes",
    install=process.handle,
)

_WAKEUP = changes.declare(
    "signal.set_wakeup_fd",
    when=f"{changes.ENGINE} in the main thread",
    why="a task that fails at Ctrl-C, as its subprocess is gone by it, begins again with the next process",
    until=f"{changes.NEVER}; never where another one is set, nor beside trio, and not in forked processes",
    install=process.hear,
)

_SIGINT = changes.declare(
    "SIGINT",
    when="an app closes in the main thread",
    why="it ends the grace of running tasks, and does not hit where runs are handed back and told of",
    until="it is closed; never where you handle it, and not in forked processes",
    install=process.handle,
)

AT_EXIT = changes.declare(
    "atexit.register",
    when=f"{changes.ENGINE}, or something is asked of the store in a running event loop",
    why="what was asked is done, running tasks get their grace, runs are handed back, the store is closed",
    until="that app is closed",
    install=atexit.register,
)
