"""`Asking`: looks at the store for callers in an event loop, who ask for something and must not wait here.

What a verb is to do to a run depends on how that stands, so a look comes before the write. On an event loop
all else would wait for the answer, up to half a minute of a server that says nothing; and on the engine's,
every run that it drives.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

from ..env import Env
from ..errors import EngineStopped, ResourceShortage
from .loop_wakeup import in_event_loop
from .told import Promise
from .waiting import FutureWaiting

T = TypeVar("T")
NOT_DONE = "this app was closed before it was known to be done"


class _Asked:
    """What is in line: `act`, once what it is about is there."""

    __slots__ = ("act", "after", "answer")

    def __init__(self, act: Callable[[], Future[Any]], after: Promise[Any] | None) -> None:
        self.act, self.after = act, after
        self.answer: Future[Any] = Future()


class Asking:
    """Does what it is asked for on a thread of its own, in order: signals of one sender stay in theirs. Any
    thread; there is none while nothing is asked.

    `begin` is called before anything is asked: what sees to it that this is closed at the end.
    """

    def __init__(self, env: Env, begin: Callable[[], None]) -> None:
        self._env, self._begin = env, begin
        self._changed = threading.Condition()
        self._line: list[_Asked] = []
        self._open: dict[Future[Any], None] = {}  # not answered yet, in the order of asking
        self._is_serving = self._is_closing = self._is_closed = self._has_begun = False

    @property
    def is_idle(self) -> bool:
        """Whether all that was asked before is on its way: then what needs no look may go at once."""
        return not self._is_serving

    def ask(
        self, act: Callable[[], Future[T]], after: Promise[Any] | None = None, *, is_part: bool = False
    ) -> Future[T]:
        """Do it soon, once `after` is there, which holds up only what waits for the same. What it gives comes
        to what the future of `act` does; to ResourceShortage or EngineStopped where it cannot be done.
        `is_part`: of what was asked before, so that it is still taken while that is waited for."""
        asked = _Asked(act, after)
        with self._changed:
            error = self._enter(asked.answer, is_part)
            if error is None and not self._is_serving:
                error = self._spawn(self._serve)
                self._is_serving = error is None
            if error is None:
                self._line.append(asked)
                self._changed.notify_all()
        return self._entered(asked, error)

    def ask_apart(self, act: Callable[[], Future[T]]) -> Future[T]:
        """The same on another thread: what takes long, and has no order with anything."""
        asked = _Asked(act, None)
        with self._changed:
            error = self._enter(asked.answer) or self._spawn(_do, asked)
        return self._entered(asked, error)

    def _enter(self, answer: Future[Any], is_part: bool = False) -> EngineStopped | None:
        if self._is_closed or (self._is_closing and not is_part):
            return EngineStopped("this app is closed")
        if not self._has_begun:
            self._has_begun = True
            self._begin()
        self._open[answer] = None
        return None

    def _spawn(self, target: Callable[..., None], *args: Any) -> Exception | None:
        try:
            self._env.spawn(target, *args, name="podium-ask")
        except Exception as error:  # ResourceShortage; or Python itself has ended
            return error
        return None

    def _entered(self, asked: _Asked, error: BaseException | None) -> Future[Any]:
        answer = asked.answer
        answer.add_done_callback(self._answered)
        if error is not None:
            answer.set_exception(error)
        elif asked.after is not None:
            asked.after.add_done_callback(self._look_again)
        return answer

    def _answered(self, answer: Future[Any]) -> None:
        with self._changed:
            self._open.pop(answer, None)
            self._changed.notify_all()

    def _look_again(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()

    def _serve(self) -> None:
        while (asked := self._next()) is not None:
            _do(asked)
            del asked  # while it waits for the next one it keeps nothing of this

    def _next(self) -> _Asked | None:
        with self._changed:
            while self._line:
                if (at := self._first_ready()) is not None:
                    return self._line.pop(at)
                self._changed.wait()
            self._is_serving = False
            return None

    def _first_ready(self) -> int | None:
        held: set[int] = (
            set()
        )  # once one is, so is what comes behind it for the same, whatever comes meanwhile
        for at, asked in enumerate(self._line):
            after = asked.after
            if after is None or (id(after) not in held and after.done()):
                return at
            held.add(id(after))
        return None

    def drain(self, seconds: float) -> None:
        """For so long, have done what was asked until now; then take nothing more, and have the rest done."""
        until = self._env.monotonic() + seconds
        with self._changed:
            asked = deque(self._open)

            def is_done() -> bool:
                while asked and asked[0].done():
                    asked.popleft()
                return not asked

            self._changed.wait_for(is_done, seconds)
            self._is_closing = True
            self._changed.wait_for(lambda: not self._open, until - self._env.monotonic())

    def end(self) -> int:
        """Refuse what is not answered, and what comes from now on; gives how many were not."""
        with self._changed:
            self._is_closing = self._is_closed = True
            self._line.clear()
            left = list(self._open)
            self._changed.notify_all()
        for answer in left:
            with contextlib.suppress(InvalidStateError):  # it came just now
                answer.set_exception(EngineStopped(NOT_DONE))
        return len(left)


def _do(asked: _Asked) -> None:
    try:
        pass_on(asked.act(), asked.answer)
    except BaseException as error:  # whoever waits is told
        with contextlib.suppress(InvalidStateError):
            asked.answer.set_exception(error)


def pass_on(before: Future[T], after: Future[T]) -> None:
    """Let a future come to what another one comes to, unless it is refused before."""

    def done(known: Future[T]) -> None:
        error = known.exception()
        with contextlib.suppress(InvalidStateError):
            if error is None:
                after.set_result(known.result())
            else:
                after.set_exception(error)

    before.add_done_callback(done)


def asked(
    asking: Asking, act: Callable[[], Future[T]], after: Promise[Any] | None = None
) -> FutureWaiting[T]:
    """The answer of what begins with a look: made here in sync code, elsewhere in an event loop. Raises what
    stands in the way of its being under way."""
    return under_way(asking.ask(act, after)) if in_event_loop() else FutureWaiting(act())


def under_way(answer: Future[T]) -> FutureWaiting[T]:
    """What was asked in an event loop. Raises where it was refused at once, for who does not await it."""
    if answer.done() and isinstance(error := answer.exception(), (EngineStopped, ResourceShortage)):
        raise error
    return FutureWaiting(answer)
