"""Async generators of workflow bodies, kept apart from those of the thread they run in.

Python tells a thread's hooks when an async generator is first iterated and when it is dropped unfinished.
Setting them anew for each turn costs four audit events a turn; so they are set once per thread and ask, at
the birth of a generator, whether a machine is turning. A dropped one is told to the loop it was born in.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncGenerator
from typing import Any

from .current import turning
from .loop import Loop

_born_in: weakref.WeakKeyDictionary[AsyncGenerator[Any, Any], Loop] = weakref.WeakKeyDictionary()


class _Hooks:
    """Stands before the hooks that a thread had."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def born(self, generator: AsyncGenerator[Any, Any]) -> None:
        machine = turning.machine
        if machine is not None:
            _born_in[generator] = machine.loop
            machine.loop.generator_born(generator)
        elif self._before.firstiter is not None:
            self._before.firstiter(generator)

    def dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        loop = _born_in.pop(generator, None)
        if loop is not None:
            loop.generator_dropped(generator)
        elif self._before.finalizer is not None:
            self._before.finalizer(generator)


def watch_generators() -> None:
    """Make sure that this thread's hooks are ours, standing before whatever was there."""
    hooks = sys.get_asyncgen_hooks()
    if not isinstance(getattr(hooks.firstiter, "__self__", None), _Hooks):
        ours = _Hooks(hooks)
        sys.set_asyncgen_hooks(ours.born, ours.dropped)
