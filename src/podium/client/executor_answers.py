"""The thread that sets the futures of an `Executor`, so that their callbacks hold up no engine."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from .. import codec
from ..depot import Depot
from ..env import Env
from ..inspect import drop_our_frames, with_recorded_frames
from ..model import Kind
from .executor_calls import Call, Calls, Came


class _Answer(NamedTuple):
    call: Call
    kind: Kind
    payload: bytes
    came: Came | None


class _End(NamedTuple):
    calls: Sequence[Call]  # that are not answered
    failure: BaseException
    is_left: bool


class Answers:
    """Hands outcomes on, in order. Any thread puts them in.

    After the last, `then` is told whether the block is left to the next execution, and `over` is set.
    """

    def __init__(
        self,
        env: Env,
        calls: Calls,
        tell: Callable[[str], None],
        then: Callable[[bool], None],
        depot: Callable[[], Depot],
    ) -> None:
        self._env, self._calls, self._tell, self._then = env, calls, tell, then
        self._depot = depot
        self.over = threading.Event()
        self._line: queue.SimpleQueue[_Answer | str | _End] = queue.SimpleQueue()

    def begin(self) -> None:
        """Start the thread. Raises ResourceShortage."""
        self._env.spawn(self._serve, name="podium-futures")

    def give(self, call: Call, kind: Kind, payload: bytes) -> None:
        """The outcome of a call is durable."""
        self._line.put(_Answer(call, kind, payload, self._calls.came.pop(call.id, None)))

    def tell(self, notice: str) -> None:
        """Something for the person at the terminal."""
        self._line.put(notice)

    def end(self, calls: Sequence[Call], failure: BaseException, is_left: bool) -> None:
        """Nothing more comes: these fail so."""
        self._line.put(_End(calls, failure, is_left))

    def _serve(self) -> None:
        while not isinstance(answer := self._line.get(), _End):
            if isinstance(answer, str):
                self._tell(answer)
            else:
                self._set(answer)
            del answer  # a value is its caller's alone
        for call in answer.calls:
            _fail(call.future, answer.failure)
        self._then(answer.is_left)
        self.over.set()

    def _set(self, answer: _Answer) -> None:
        future, came = answer.call.future, answer.came
        if answer.kind is Kind.RESULT:
            try:
                value = codec.decode(answer.payload, answer.call.function.returns, self._depot())
            except Exception as error:  # its class has changed, say
                future.set_exception(error)
            else:
                future.set_result(value)
        elif came is None:
            future.set_exception(with_recorded_frames(codec.decode_failure(answer.payload)))
        elif came.error is not None:
            drop_our_frames(came.error)
            future.set_exception(came.error)
        else:
            why = codec.describe_failure(answer.payload).message
            self._calls.tell_not_kept(answer.call.function.label, why)
            future.set_result(came.value)


def _fail(future: Future[Any], failure: BaseException) -> None:
    if future.running() or future.set_running_or_notify_cancel():
        future.set_exception(failure)
