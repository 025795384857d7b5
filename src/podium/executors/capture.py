"""Hears what tasks print and log, and lets it go where it always went.

Who speaks is told by the context variable of the attempt, so it works on the loop, in threads, and in threads
that a task starts with a copied context. Streams are heard by a `Tee` in the place of `sys.stdout` and
`sys.stderr`; log records where a logger hands them to its handlers, after its own filters, so that no handler
has to be added to anybody's configuration. What is written past these (a file descriptor, C) is not heard.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from ..model import STDERR, STDOUT
from .attempt import Attempt, current_attempt
from .transcript import Transcript

_formatter = logging.Formatter()


class _Here(threading.local):
    passing_on = False  # what is written now was heard already


_here = _Here()
_lock = threading.Lock()
_users = 0  # engines that are open in this process, and whoever else needs the tees


def _speaker() -> Attempt | None:
    """Who speaks now and is to be heard."""
    # In a forked child nobody is: its transcript would be no one's, and its lock may be held for ever.
    return current_attempt.get() if _users and not _here.passing_on else None


def _transcript(attempt: Attempt) -> Transcript | None:
    if attempt.transcript is not None:
        return attempt.transcript
    return None if attempt.listener is None else attempt.listener.transcript(attempt)


def line(attempt: Attempt, level: int, text: str) -> None:
    """Keep one line or record that the attempt has said. `level`: logging's, or STDOUT or STDERR."""
    transcript = _transcript(attempt)
    if transcript is not None:
        transcript.line(level, lambda: text)


def write(attempt: Attempt, level: int, text: str) -> None:
    """Keep a piece of a stream of the attempt; its lines end at their newlines, wherever the pieces do."""
    transcript = _transcript(attempt)
    if transcript is not None:
        transcript.write(level, text)


def record(attempt: Attempt, logged: logging.LogRecord) -> None:
    """Keep a log record that the attempt has made elsewhere."""
    transcript = _transcript(attempt)
    if transcript is not None:
        transcript.line(logged.levelno, lambda: record_text(logged))


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
        self.stream, self._level = stream, level

    def write(self, text: Any) -> Any:
        attempt = _speaker()
        if attempt is None:
            return self.stream.write(text)
        _here.passing_on = True  # a stream that somebody built around another tee must not be heard twice
        try:
            written = self.stream.write(text)
        finally:
            _here.passing_on = False
        if isinstance(text, str):  # whatever else a stream takes is its own affair
            write(attempt, self._level, text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["stream"], name)

    def __repr__(self) -> str:
        return repr(self.stream)


def stand_in() -> None:
    """Hear what `sys.stdout` and `sys.stderr` are now, unless a tee stands there already."""
    for name, level in (("stdout", STDOUT), ("stderr", STDERR)):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Tee):
            setattr(sys, name, Tee(stream, level))


def begin() -> None:
    """An engine opens: hear from now on. Each `begin` needs its `end`."""
    global _users  # noqa: PLW0603  # the streams are the process's
    with _lock:
        _users += 1
        stand_in()
        _hear_loggers()


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
            setattr(sys, name, tee.stream)


def _in_child() -> None:
    """A forked child has no engine, and inherits locks that nobody will free."""
    global _users, _lock  # as above
    _users, _lock = 0, threading.Lock()
    _put_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


# -- log records --------------------------------------------------------------------------------------


def _heard(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        attempt = _speaker()
        transcript = None if attempt is None else _transcript(attempt)
        if transcript is None:
            original(self, record)
            return
        transcript.line(record.levelno, lambda: record_text(record))
        _here.passing_on = True  # a handler that writes to a stream writes the same once more
        try:
            original(self, record)
        finally:
            _here.passing_on = False

    return call_handlers


_hears_loggers = False


def _hear_loggers() -> None:
    """Once per process: without an attempt in its context a record passes straight through."""
    global _hears_loggers  # noqa: PLW0603  # what it changes is the process's too
    if not _hears_loggers:
        _hears_loggers = True
        logging.Logger.callHandlers = _heard(logging.Logger.callHandlers)
