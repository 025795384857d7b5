"""One audit hook for all of Podium: it looks up the event and calls whoever listens to that.

Python announces so much (each look at a frame, each file lock) that a hook of its own for each purpose cost
every step a microsecond; most of it is of no interest to any.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]

_listeners: dict[str, tuple[Listener, ...]] = {}  # by event


def listen(events: Iterable[str], listener: Listener) -> None:
    """Call `listener` at these events, for the rest of the process: Python takes no audit hook back.

    It is the `install` of a change that the caller declares.
    """
    is_first = not _listeners
    for event in events:
        _listeners[event] = (*_listeners.get(event, ()), listener)
    if is_first:
        sys.addaudithook(_hear)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if event in _listeners:  # few are
        for listener in _listeners[event]:
            listener(event, args)
