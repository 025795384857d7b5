"""Hears what tasks print and log, and lets it go where it always went.

Who speaks is told by the context variable of the attempt, so it works on the loop, in threads, and in threads
that a task starts with a copied context. Streams are heard by a `Tee` in the place of `sys.stdout` and
`sys.stderr`; log records where a logger hands them to its handlers, after its own filters, so that no handler
has to be added to anybody's configuration. What is written past these (a file descriptor, C) is not heard.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from .. import changes, log_hook
from ..model import STDERR, STDOUT
from .attempt import Attempt, current_attempt
from .log_buffer import LogBuffer

log = logging.getLogger("podium")
_formatter = logging.Formatter()
_NAMES = {STDOUT: "stdout", STDERR: "stderr"}


_lock = threading.Lock()
_in_body: Callable[[], bool] = bool  # whether a workflow's body runs in this thread now
_users = 0  # engines that are open in this process, and whoever else needs the tees


def _speaker() -> Attempt | None:
    """Who speaks now and is to be heard."""
    # In a forked child nobody is: its buffer would be no one's, and its lock may be held for ever.
    return current_attempt.get() if _users and not log_hook.here.is_passing_on else None


def _log_of(attempt: Attempt) -> LogBuffer | None:
    if attempt.log is not None:
        return attempt.log
    open_log = attempt.services.open_log
    return None if open_log is None else open_log(attempt)


def line(attempt: Attempt, level: int, text: str) -> None:
    """Keep one line or record that the attempt has said. `level`: logging's, or STDOUT or STDERR."""
    log = _log_of(attempt)
    if log is not None:
        log.line(level, lambda: text)


def write(attempt: Attempt, level: int, text: str) -> None:
    """Keep a piece of a stream of the attempt; its lines end at their newlines, wherever the pieces do."""
    log = _log_of(attempt)
    if log is not None:
        log.write(level, text)


def record(attempt: Attempt, logged: logging.LogRecord) -> None:
    """Keep a log record that the attempt has made elsewhere."""
    log = _log_of(attempt)
    if log is not None:
        log.line(logged.levelno, lambda: record_text(logged))


def record_text(record: logging.LogRecord) -> str:
    """Message, traceback and stack of a record, without touching it: its handlers come after us."""
    try:
        text = record.getMessage()
    except Exception:  # arguments that do not fit: the handlers say so on stderr, a task must not fail of it
        text = str(record.msg)
    trace = record.exc_text
    if record.exc_info and not trace:
        trace = _formatter.formatException(record.exc_info)
    return "\n".join(part for part in (text, trace, record.stack_info) if part)


# -- streams ------------------------------------------------------------------------------------------


class Tee:
    """Stands in for a stream: it passes everything on, and what a task writes is heard.

    Whoever kept the stream itself, or puts another in our place, goes past us and loses nothing.
    """

    def __init__(self, stream: Any, level: int) -> None:
        self.stream, self._level, self._is_broken = stream, level, False

    def write(self, text: Any) -> Any:
        attempt = _speaker()
        if attempt is None:
            return self._pass_on(self.stream.write, text) if _in_body() else self.stream.write(text)
        log_hook.here.is_passing_on = True  # a stream built around another tee is not heard twice
        try:
            written = self._pass_on(self.stream.write, text)
        finally:
            log_hook.here.is_passing_on = False
        if isinstance(text, str):  # whatever else a stream takes is its own affair
            write(attempt, self._level, text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for text in lines:
            self.write(text)

    def flush(self) -> None:
        if _in_body() or _speaker() is not None:
            self._pass_on(self.stream.flush)
        else:
            self.stream.flush()

    def _pass_on(self, call: Callable[..., Any], *given: Any) -> Any:
        """For a run, which a pipe that nobody reads any more or a full disk must not fail."""
        try:
            return call(*given)
        except (
            OSError
        ) as error:  # a stream that is closed, or cannot spell a text, is the program's own trouble
            if not self._is_broken:
                self._is_broken = True
                log.warning("%s cannot be written (%s): what tasks print is kept with their runs alone",
                            _NAMES[self._level], error)  # fmt: skip
            return len(given[0]) if given else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["stream"], name)

    def __repr__(self) -> str:
        return repr(self.stream)


def _put(name: str, stream: Any) -> None:
    setattr(sys, name, stream)


_TEES = changes.declare(
    "sys.stdout, sys.stderr",
    when=f"{changes.ENGINE}, unless `Options(log_lines=0)`",
    why="what tasks print is kept with their run; it is passed on to the stream that was there",
    until="the last engine is closed",
    install=_put,
)


def stand_in() -> None:
    """Hear what `sys.stdout` and `sys.stderr` are now, unless a tee stands there already."""
    for name, level in (("stdout", STDOUT), ("stderr", STDERR)):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Tee):
            _TEES.install(name, Tee(stream, level))


def stand_in_again() -> None:
    """The same for an engine, whose streams somebody may have replaced. After the last one is closed nothing
    is heard: a tee that came then would stay."""
    if type(sys.stdout) is Tee and type(sys.stderr) is Tee:
        return  # asked for at every start
    with _lock:
        if _users:
            stand_in()


def begin(in_body: Callable[[], bool] | None = None) -> None:
    """An engine opens: hear from now on. Each `begin` needs its `end`.

    in_body  tells whether a workflow's body runs in this thread now, which this layer cannot know
    """
    global _users, _in_body  # noqa: PLW0603  # the streams are the process's
    with _lock:
        _users += 1
        _in_body = in_body or _in_body
        stand_in()
        log_hook.listen(_task_log)


def end() -> None:
    """After the last engine is closed each stream is put back, unless somebody has replaced it."""
    global _users  # noqa: PLW0603  # as above
    with _lock:
        _users -= 1
        if _users == 0:
            _put_back()


def _put_back() -> None:
    for name in ("stdout", "stderr"):
        tee = getattr(sys, name)
        if isinstance(tee, Tee):
            _TEES.install(name, tee.stream)


def _in_child() -> None:
    """A forked child has no engine, and inherits locks that nobody will free."""
    global _users, _lock  # as above
    _users, _lock = 0, threading.Lock()
    _put_back()


changes.at_fork(
    "streams",
    when=changes.DECLARED,
    why="a child has its own streams again",
    in_child=_in_child,
)


# -- log records --------------------------------------------------------------------------------------


class _TaskLog:
    """What tasks log is kept with their step."""

    def admits(self, record: logging.LogRecord) -> bool:
        return True

    def hears(self, record: logging.LogRecord) -> bool:
        attempt = _speaker()
        log = None if attempt is None else _log_of(attempt)
        if log is not None:
            log.line(record.levelno, lambda: record_text(record))
        return log is not None


_task_log = _TaskLog()
