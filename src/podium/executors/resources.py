"""Resources: what tasks of one engine share, such as an HTTP session, a pool of connections, a loaded model.

One for each engine and key, opened when it is first asked for, kept, and closed when it was idle for long,
when it was found broken, or at the end, in the reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from ..env import Env
from ..errors import ResourceShortage, UsageError

log = logging.getLogger("podium")

CLOSE_SECONDS = 5.0  # that closing may take, of one
LOOK_SECONDS_MIN = 0.05  # between looks for idle sync ones


class Opener(msgspec.Struct, frozen=True, eq=False):
    """A declared resource."""

    name: str
    open: Callable[..., Any]  # a generator function; an async one is `is_async`
    is_async: bool
    idle: float  # seconds
    check: Callable[[Any], Any] | None  # whether it still works; it may raise


Key = tuple[int, tuple[Any, ...], tuple[tuple[str, Any], ...]]


class _Open:
    """One that is open, or about to be."""

    def __init__(self, opener: Opener) -> None:
        self.opener, self.users = opener, 0


class _OpenAsync(_Open):
    """Lives in a task of its own, that opens it, waits and closes it."""

    def __init__(self, opener: Opener, loop: asyncio.AbstractEventLoop, args: Any, kwargs: Any) -> None:
        super().__init__(opener)
        self.value: asyncio.Future[Any] = loop.create_future()
        self.closing = asyncio.Event()
        self.idle: asyncio.TimerHandle | None = None
        # None of the context of the task that happens to be first.
        self.task = loop.create_task(self._live(args, kwargs), context=contextvars.Context())

    async def _live(self, args: Any, kwargs: Any) -> None:
        try:
            async with contextlib.asynccontextmanager(self.opener.open)(*args, **kwargs) as value:
                self.value.set_result(value)
                await self.closing.wait()
        except BaseException as error:
            if not self.value.done():  # the users' to know
                self.value.set_exception(error)
                self.value.exception()  # though nobody may be left
            elif isinstance(error, Exception):
                log.warning("resource %s: closing failed: %r", self.opener.name, error)
            else:
                raise


class _OpenSync(_Open):
    """Lent to one user at a time."""

    def __init__(self, opener: Opener) -> None:
        super().__init__(opener)
        self.lent = threading.Lock()
        self.manager: AbstractContextManager[Any] | None = None
        self.value: Any = None
        self.is_over = False
        self.last_used = 0.0
        self.user: tuple[object, int] | None = None  # who has it: an attempt, in one of its threads


class Resources:
    """Those of one engine."""

    def __init__(self, loop: asyncio.AbstractEventLoop, env: Env) -> None:
        self._loop, self._env, self._clock = loop, env, env.monotonic
        self._async: dict[Key, _OpenAsync] = {}  # in the order of opening; the engine's thread alone
        self._sync: dict[Key, _OpenSync] = {}  # under the lock
        self._lock = threading.Lock()
        self._next_look: asyncio.TimerHandle | None = None  # for idle sync ones; the engine's thread alone
        self._is_looked_after = False  # whether there will be such a look; under the lock
        self._closer: threading.Thread | None = None  # the last one

    @contextlib.asynccontextmanager
    async def use(self, opener: Opener, args: Any, kwargs: Any) -> AsyncGenerator[Any]:
        """An async one, for as long as the block lasts; others use it at the same time."""
        if asyncio.get_running_loop() is not self._loop:  # a loop of the task's own, which ends with it
            async with contextlib.asynccontextmanager(opener.open)(*args, **kwargs) as value:
                yield value
            return
        key = key_of(opener, args, kwargs)
        there = self._async.get(key)
        if there is None or there.task.done():
            there = self._async[key] = _OpenAsync(opener, self._loop, args, kwargs)
        there.users += 1
        if there.idle is not None:
            there.idle.cancel()
        try:
            try:
                value = await asyncio.shield(there.value)
            except BaseException:
                if there.value.done():  # it could not be opened: the next one tries again
                    self._drop(key, there)
                raise
            try:
                yield value
            except Exception:
                if not await self._works(opener, value):
                    self._drop(key, there)
                raise
        finally:
            there.users -= 1
            if there.users == 0:
                self._left(key, there)

    def _left(self, key: Key, there: _OpenAsync) -> None:
        """Nobody uses it now."""
        if self._async.get(key) is not there:
            there.closing.set()  # it was dropped while others used it
        else:
            there.idle = self._loop.call_later(there.opener.idle, self._idle, key, there)

    def _idle(self, key: Key, there: _OpenAsync) -> None:
        if there.users == 0:
            self._drop(key, there)
            there.closing.set()

    def _drop(self, key: Key, there: _OpenAsync) -> None:
        """Whoever asks next gets another one; it is closed when its users have left."""
        if self._async.get(key) is there:
            del self._async[key]

    async def _works(self, opener: Opener, value: Any) -> bool:
        if opener.check is None:
            return True
        try:
            found = opener.check(value)
            return bool(await found if inspect.isawaitable(found) else found)
        except Exception:
            return False

    async def close_async(self) -> None:
        """Close the async ones, the last one first."""
        if self._next_look is not None:
            self._next_look.cancel()
        while self._async:
            _, there = self._async.popitem()
            if there.idle is not None:
                there.idle.cancel()
            there.closing.set()
            if not there.value.done():
                there.task.cancel()
            _, late = await asyncio.wait([there.task], timeout=CLOSE_SECONDS)
            if late:
                log.warning("resource %s: not closed after %g s", there.opener.name, CLOSE_SECONDS)
                there.task.cancel()

    # -- sync ones: any thread ------------------------------------------------------------------------

    @contextlib.contextmanager
    def lend(self, opener: Opener, args: Any, kwargs: Any, attempt: object) -> Generator[Any]:
        """A sync one, for as long as the block lasts; others wait for it. Who has it already, in this very
        thread, gets the same again.

        Raises UsageError where waiting for it would hold up the event loop on which its user may run.
        """
        key, user = key_of(opener, args, kwargs), (attempt, threading.get_ident())
        had = self._sync.get(key)
        if had is not None and had.user == user:  # what is wrong in here, the outer block sees to
            yield had.value
            return
        there = self._take(key, opener)
        there.user = user
        try:
            if there.manager is None:
                manager = contextlib.contextmanager(opener.open)(*args, **kwargs)
                there.value = manager.__enter__()
                there.manager = manager
                with self._lock:  # in the order of having been opened
                    self._sync[key] = self._sync.pop(key, there)
            try:
                yield there.value
            except Exception:
                if not _still_works(opener, there.value):
                    self._forget(key, there)
                raise
        except BaseException:
            if there.manager is None:
                self._forget(key, there)
            raise
        finally:
            there.last_used, there.user = self._clock(), None
            there.lent.release()
            self._look_after()

    def _take(self, key: Key, opener: Opener) -> _OpenSync:
        while True:
            with self._lock:
                there = self._sync.get(key)
                if there is None:
                    there = self._sync[key] = _OpenSync(opener)
                    there.last_used = self._clock()
            if not there.lent.acquire(blocking=not _is_in_loop()):
                raise UsageError(
                    f"resource {opener.name} is lent to another task, and to wait for it would hold up "
                    "the event loop",
                    fix="open it in a def task, or make it an async resource",
                )
            if not there.is_over:
                return there
            there.lent.release()  # it was closed while we waited

    def _forget(self, key: Key, there: _OpenSync) -> None:
        """Close it; whoever lends it next gets another one. Its lock is held."""
        with self._lock:
            if self._sync.get(key) is there:
                del self._sync[key]
        there.is_over = True
        manager, there.manager = there.manager, None
        if manager is not None:
            try:
                manager.__exit__(None, None, None)
            except Exception as error:
                log.warning("resource %s: closing failed: %r", there.opener.name, error)

    def _look_after(self) -> None:
        """See to it that what is open is closed once it is idle, though nobody may ask for any again."""
        with self._lock:
            begins, self._is_looked_after = not self._is_looked_after, True
        if begins:
            with contextlib.suppress(RuntimeError):  # the loop has closed: all are closed at the end
                self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """Have idle ones closed, and look again when the next one may be. The engine's thread."""
        now = self._clock()
        with self._lock:
            self._is_looked_after = bool(self._sync)
            if not self._sync:
                return
            # What is lent is idle so long after now at the earliest.
            left = [
                there.opener.idle - (0.0 if there.lent.locked() else now - there.last_used)
                for there in self._sync.values()
            ]
        if min(left) <= 0.0 and (self._closer is None or not self._closer.is_alive()):
            # Not here: a user's code closes it, and may take long over that.
            with contextlib.suppress(ResourceShortage):  # the next look tries again
                self._closer = self._env.spawn(self._close_idle, name="podium-resources")
        self._next_look = self._loop.call_later(max(min(left), LOOK_SECONDS_MIN), self._look)

    def _close_idle(self) -> None:
        now = self._clock()
        with self._lock:
            idle = [each for each in self._sync.items() if now - each[1].last_used >= each[1].opener.idle]
        for key, there in reversed(idle):
            if there.lent.acquire(blocking=False):
                try:
                    if self._clock() - there.last_used >= there.opener.idle:  # it was not used meanwhile
                        self._forget(key, there)
                finally:
                    there.lent.release()

    def close_sync(self) -> None:
        """Close the sync ones, the last one first; one that a lost thread still has is left."""
        if self._closer is not None:
            self._closer.join(CLOSE_SECONDS)
        for key, there in reversed(list(self._sync.items())):
            if there.lent.acquire(timeout=0.1):
                try:
                    self._forget(key, there)
                finally:
                    there.lent.release()


def _is_in_loop() -> bool:
    """Whether an event loop runs in this thread."""
    return asyncio._get_running_loop() is not None  # pyright: ignore[reportPrivateUsage]  # the public one raises


def _still_works(opener: Opener, value: Any) -> bool:
    if opener.check is None:
        return True
    try:
        return bool(opener.check(value))
    except Exception:
        return False


def key_of(opener: Opener, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Key:
    """What tells one resource from another. Raises UsageError for arguments that cannot be told apart."""
    key = (id(opener), args, tuple(sorted(kwargs.items())))
    try:
        hash(key)
    except TypeError:
        raise UsageError(
            f"{opener.name}(...): a resource is known by its arguments, and one of these cannot be hashed",
            fix="pass a name, a number, or a tuple of them",
        ) from None
    return key
