"""The few standard-library names that act differently inside a workflow's body.

Outside a turn each of them is the original, called straight through. Functions in Python get another body
rather than their name another meaning, because `from asyncio import wait_for` is mostly written above
`import podium`. All are here, so that nobody has to look for them:

- `asyncio.wait_for` opens a task on 3.11 and none later; ours opens none, so that a run recorded under
  one Python replays under the next.
- `asyncio.all_tasks` knows only asyncio's own tasks.
- `asyncio.as_completed` puts what it is given into a set, whose order for bare coroutines is that of
  their addresses; ours goes by position.
- `asyncio.TaskGroup` and `asyncio.timeout` end as in 3.13 (`structured`).
- Locks, events, queues and their like know at birth which run they are of, and refuse the others.
- The start of a thread announces nothing to audit hooks on older versions, and too late on newer ones.
- `time.sleep` announces nothing on older versions. `sleep` has no
  body in Python, so a workflow's module that has bound it by name before is given ours (`adopt`).
- Loggers say nothing while a replay repeats what was logged before, and let the engine hear what is new.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
import threading
import time
from asyncio import mixins
from asyncio import tasks as asyncio_tasks
from collections.abc import Callable, Iterable
from functools import partial
from types import FunctionType
from typing import Any

from .. import changes, log_hook
from ..errors import UsageError
from ..lines import line_of
from .current import turning
from .guard import refuse_effect, refuse_shared
from .lines import caller
from .structured import leave_group, leave_timeout


async def wait_for(fut: Any, timeout: float | None) -> Any:
    """asyncio.wait_for as 3.12 has it, with deadlines by the run's own time."""
    if timeout is not None and timeout <= 0:
        task = asyncio.ensure_future(fut)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        try:
            return task.result()
        except asyncio.CancelledError as error:
            raise TimeoutError from error
    async with asyncio.timeout(timeout):
        return await fut


class as_completed:  # it stands in for asyncio's function of that name
    """asyncio.as_completed, iterable in both ways of 3.13, in the order in which outcomes are recorded."""

    def __init__(self, fs: Iterable[Any], *, timeout: float | None = None) -> None:
        machine = turning.machine
        if machine is not None and not machine.function.is_async:  # nothing there could await what it gives
            raise UsageError(
                f"{line_of(*caller())}: asyncio.as_completed(...) in a `def` workflow, which cannot await",
                fix="task.map(items).as_completed(), or make the workflow `async def`",
            )
        unique: dict[int, Any] = {id(f): f for f in fs}
        self._todo = [asyncio.ensure_future(f) for f in unique.values()]
        self._left = self._open = len(self._todo)
        self._done: asyncio.Queue[Any] = asyncio.Queue()
        self._deadline = None
        if timeout is not None:
            self._deadline = asyncio.get_running_loop().call_later(timeout, self._expire)
        for task in self._todo:
            task.add_done_callback(self._finished)

    def _finished(self, task: Any) -> None:
        self._done.put_nowait(task)
        self._open -= 1
        if self._open == 0 and self._deadline is not None:
            self._deadline.cancel()

    def _expire(self) -> None:
        for task in self._todo:
            if not task.done():
                task.remove_done_callback(self._finished)
                self._done.put_nowait(None)

    async def _next(self) -> Any:
        task = await self._done.get()
        if task is None:
            raise TimeoutError
        return task

    async def _next_result(self) -> Any:
        return (await self._next()).result()

    def __iter__(self) -> as_completed:
        return self

    def __next__(self) -> Any:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._next_result()

    def __aiter__(self) -> as_completed:
        return self

    async def __anext__(self) -> Any:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return await self._next()


def all_tasks(loop: Any = None) -> set[Any]:
    """asyncio.all_tasks: the run's own branches, in the order in which they were made."""
    running: Any = asyncio.get_running_loop()
    return set(running.tasks.values()) if loop is None or loop is running else set()


async def _wait_for(fut: Any, timeout: Any) -> Any:
    # `_bodies` puts this name where the body will look for it.
    return await _podium_wait_for(fut, timeout)  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownVariableType]


def _as_completed(fs: Any, *, timeout: Any = None) -> Any:
    # `_bodies` puts this name too where the body will look for it.
    return _podium_as_completed(fs, timeout=timeout)  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownVariableType]


def _all_tasks(loop: Any = None) -> Any:
    # `_bodies` puts this name too where the body will look for it.
    return _podium_all_tasks(loop)  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownVariableType]


def _bodies(*targets: tuple[str, Any, Any, Callable[..., Any]], why: str) -> changes.Change:
    """Enter that inside a turn each function is ours: (name, function, body, ours). `body` calls ours by a
    name put into the function's module."""

    def install() -> None:
        for _, function, body, ours in targets:
            code, space = function.__code__, function.__globals__
            original = FunctionType(code, space, function.__name__, function.__defaults__)
            original.__kwdefaults__ = function.__kwdefaults__
            space[f"_podium{body.__name__}"] = _inside_or(original, ours)
            function.__code__ = body.__code__

    return changes.declare(
        *(name for name, *_ in targets),
        when=changes.DECLARED, why=why, until=changes.NEVER, install=install,
    )  # fmt: skip


def _inside_or(original: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def either(*args: Any, **kwargs: Any) -> Any:
        return (original if turning.machine is None else ours)(*args, **kwargs)

    return either


def _guarded(original: Callable[..., Any], what: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if turning.machine is not None:
            refuse_effect(what)
        return original(*args, **kwargs)

    return guarded


class _BodyLog:
    """What workflows' bodies log: nothing while they are replayed, else with the run, for the engine too."""

    def admits(self, record: logging.LogRecord) -> bool:
        machine = turning.machine
        if machine is not None:
            if machine.replaying or machine.loop.discarded:
                return False
            record.run = machine.run
        return True

    def hears(self, record: logging.LogRecord) -> bool:
        machine = turning.machine
        if machine is not None and machine.on_log is not None:
            machine.on_log(machine.run, record)
        return False


_body_log = _BodyLog()


def _made_in_its_run(cls: type[Any], *_: Any, **__: Any) -> Any:
    made = object.__new__(cls)
    if turning.machine is not None:
        made._loop = turning.machine.loop  # asyncio does this at its first wait
    return made


def _of_its_run(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def used(self: Any, *args: Any, **kwargs: Any) -> Any:
        if turning.machine is not None:
            refuse_shared(self)
        return original(self, *args, **kwargs)

    return used


_USES = (
    (asyncio.Lock, ("acquire",)),
    (asyncio.Event, ("wait", "set", "clear")),
    (asyncio.Condition, ("wait", "notify")),
    (asyncio.Semaphore, ("acquire", "release")),
    (asyncio.Barrier, ("wait",)),
    (asyncio.Queue, ("get_nowait", "put_nowait", "get", "put", "join")),
)

_sleep = time.sleep
_BASE = mixins._LoopBoundMixin  # pyright: ignore[reportPrivateUsage]  # of all locks, events, queues
_leave_group = partial(_inside_or, ours=leave_group)
_leave_timeout = partial(_inside_or, ours=leave_timeout)
_CHANGES = [
    _bodies(
        ("asyncio.wait_for", asyncio_tasks.wait_for, _wait_for, wait_for),
        ("asyncio.as_completed", asyncio_tasks.as_completed, _as_completed, as_completed),
        ("asyncio.all_tasks", asyncio_tasks.all_tasks, _all_tasks, all_tasks),
        why="in a workflow's body they give the same on every Python and in every replay",
    ),
    changes.declare_patch(
        ("asyncio.mixins._LoopBoundMixin.__new__", _BASE, "__new__", lambda _: _made_in_its_run),
        *(
            (f"asyncio.{kind.__name__}.{name}", kind, name, _of_its_run)
            for kind, names in _USES
            for name in names
        ),
        when=changes.DECLARED,
        why="a lock, event or queue that two runs share is refused in their bodies, with the line",
    ),
    changes.declare_patch(
        ("threading.Thread.start", threading.Thread, "start", partial(_guarded, what="starting a thread")),
        when=changes.DECLARED,
        why="it is refused in a workflow's body; Python tells audit hooks of it too late, or not at all",
    ),
]
_UNTIL_3_13 = [
    changes.declare_patch(
        ("time.sleep", time, "sleep", partial(_guarded, what="time.sleep")),
        when=f"{changes.DECLARED}, on Python before 3.13",
        why="it is refused in a workflow's body; those Pythons tell audit hooks nothing of it",
    ),
    changes.declare_patch(
        # Classes, unlike functions, are asked for their methods at each use.
        ("asyncio.TaskGroup.__aexit__", asyncio.TaskGroup, "__aexit__", _leave_group),
        ("asyncio.Timeout.__aexit__", asyncio.Timeout, "__aexit__", _leave_timeout),
        when=f"{changes.DECLARED}, on Python before 3.13",
        why="in a workflow's body they end as in 3.13, so that a timeout is told as one",
    ),
]


def adopt(namespace: dict[str, Any]) -> None:
    """Let a workflow's module see what is guarded, where it bound the original by name before."""
    if time.sleep is not _sleep:
        for name, value in list(namespace.items()):
            if value is _sleep:
                namespace[name] = time.sleep


def install() -> None:
    """Put them in place, once per process."""
    for change in (*_CHANGES, *(_UNTIL_3_13 if sys.version_info < (3, 13) else ())):
        change.install_once()
    log_hook.listen(_body_log)
