"""One try at a step: what an executor gets, and what it gives back."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from .. import codec
from ..functions import Function

if TYPE_CHECKING:
    from .transcript import Listener, Transcript


class Attempt:
    """A task body about to run, running or abandoned. Executors touch only `cancelled` and `handle`."""

    __slots__ = (
        "run", "step", "function", "args", "number", "token", "began", "cancelled", "handle", "note",
        "listener", "transcript",
    )  # fmt: skip

    def __init__(self, run: str, step: str, function: Function, args: bytes, number: int, token: int) -> None:
        self.run = run
        self.step = step
        self.function = function
        self.args = args  # encoded, by parameter name
        self.number = number  # counts from 1, over lost ones too
        self.token = token  # of the run's ownership
        self.began = 0.0  # UTC seconds, set by the executor's caller
        self.cancelled = False
        self.handle: Any = None  # the executor's own; None while the attempt waits for a slot
        self.note: Callable[[Attempt, Progress], None] | None = None
        self.listener: Listener | None = None  # whoever keeps what the body prints and logs
        self.transcript: Transcript | None = None  # of what it has said; most say nothing

    @property
    def has_begun(self) -> bool:
        """Whether it has a slot, so that its body runs; until then it waits for one."""
        return self.handle is not None

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this step: "run:step"."""
        return f"{self.run}:{self.step}"

    def call(self) -> Any:
        """Call the bare function with decoded arguments; for a coroutine function, its coroutine."""
        args, kwargs = self.function.unbind(codec.decode(self.args))
        return self.function.fn(*args, **kwargs)

    def encode(self, value: Any) -> bytes:
        """Encode what the body returned."""
        function = self.function
        return codec.encode(value, where=f"{function.label} result", annotation=function.returns)


class Progress(msgspec.Struct, frozen=True):
    """What a task last said about itself. Not durable."""

    done: float
    total: float | None
    text: str


class Ended(msgspec.Struct, frozen=True):
    """How an attempt ended: with `payload` if `error` is None. A cancelled attempt ends without one.

    With an error that another process has encoded already, `payload` is that.
    """

    attempt: Attempt
    payload: bytes
    error: BaseException | None = None


# A context variable, because it must follow a task body into the tasks and (copied) threads it opens.
current_attempt: contextvars.ContextVar[Attempt | None] = contextvars.ContextVar(
    "podium_attempt", default=None
)


def fresh_context(attempt: Attempt) -> contextvars.Context:
    """An empty context that knows only the attempt: nothing leaks in from the engine or another body."""
    context = contextvars.Context()
    context.run(current_attempt.set, attempt)
    return context
