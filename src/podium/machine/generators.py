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

from .. import changes
from .current import turning
from .leak import leak_forever
from .parts import RunLoop

# By address, not weakly: a dying generator's weak references are gone before its hook is called.
_born_in: dict[int, RunLoop] = {}


class Generators:
    """Those that were born in one loop."""

    def __init__(self, loop: RunLoop) -> None:
        self._loop = loop
        self._addresses: set[int] = set()
        self._alive: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()

    def born(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Remember it; a finished one's address is simply taken over by the next."""
        _born_in[id(generator)] = self._loop
        self._addresses.add(id(generator))
        self._alive.add(generator)

    def alive(self) -> list[AsyncGenerator[Any, Any]]:
        """Those not collected yet, finished or not."""
        return list(self._alive)

    def forget(self) -> None:
        """The loop is abandoned: what did not let itself be closed must never run again."""
        for generator in self.alive():
            if getattr(generator, "ag_frame", None) is not None:
                leak_forever(generator)
        for address in self._addresses:
            if _born_in.get(address) is self._loop:
                del _born_in[address]
        self._addresses.clear()


class _Hooks:
    """Stands before the hooks that a thread had."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def born(self, generator: AsyncGenerator[Any, Any]) -> None:
        machine = turning.machine
        if machine is not None:
            machine.loop.generator_born(generator)
            return
        _born_in.pop(id(generator), None)  # the address may have been a workflow's
        if self._before.firstiter is not None:
            self._before.firstiter(generator)

    def dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        loop = _born_in.pop(id(generator), None)
        if loop is not None:
            loop.generator_dropped(generator)
        elif self._before.finalizer is not None:
            self._before.finalizer(generator)


def watch_generators() -> None:
    """Make sure that this thread's hooks are ours, standing before whatever was there."""
    hooks = sys.get_asyncgen_hooks()
    if not isinstance(getattr(hooks.firstiter, "__self__", None), _Hooks):
        ours = _Hooks(hooks)
        _HOOKS.install(ours.born, ours.dropped)


_HOOKS = changes.declare(
    "sys.set_asyncgen_hooks",
    when="a thread drives a run",
    why="async generators of a workflow's body belong to its run; those of others go where they went before",
    until="that thread ends",
    install=sys.set_asyncgen_hooks,
)
