"""The one hook in `logging`: who wants to know of each record, and who may drop it.

It sits in `Logger.handle`, before a logger's filters, and in `Logger.callHandlers`, after them, so that no
handler has to be added to anybody's configuration. A record that nobody here cares for passes straight
through.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from . import changes


class LogListener(Protocol):
    """Told of each record, in the thread that logs it."""

    def admits(self, record: logging.LogRecord) -> bool:
        """Before the logger's filters; False drops the record."""
        ...

    def hears(self, record: logging.LogRecord) -> bool:
        """After them; whether the record was kept, so that what its handlers write is not kept once more."""
        ...


class _Here(threading.local):
    is_passing_on = False


_listeners: list[LogListener] = []
here = _Here()  # `is_passing_on`: what this thread writes now was kept already


def listen(listener: LogListener) -> None:
    """Tell this one of each record from now on, for the life of the process."""
    if listener not in _listeners:
        _listeners.append(listener)
    LOGGING.install_once()


def _handle(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def handle(self: logging.Logger, record: logging.LogRecord) -> None:
        if all(listener.admits(record) for listener in _listeners):
            original(self, record)

    return handle


def _call_handlers(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        is_kept = False
        for listener in _listeners:
            is_kept |= listener.hears(record)
        if not is_kept:
            original(self, record)
            return
        before, here.is_passing_on = here.is_passing_on, True
        try:
            original(self, record)
        finally:
            here.is_passing_on = before

    return call_handlers


LOGGING = changes.declare_patch(
    ("logging.Logger.handle", logging.Logger, "handle", _handle),
    ("logging.Logger.callHandlers", logging.Logger, "callHandlers", _call_handlers),
    when=changes.DECLARED,
    why="a body that is replayed logs nothing; what bodies and tasks log is kept with their run",
)
