"""One try at a step: what an executor gets, and what it gives back."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from .. import codec
from ..errors import ResourceShortage
from ..functions import Function

if TYPE_CHECKING:
    from .transcript import Listener, Transcript


class Slots(Protocol):
    """The limit of an executor, from which an attempt has its slot. Any thread."""

    def lend(self, attempt: Attempt) -> None:
        """The body begins to wait for runs: others may have its slot meanwhile."""
        ...

    def restore(self, attempt: Attempt) -> None:
        """It waits no more."""
        ...


class Attempt:
    """A task body about to run, running or abandoned. Executors touch `cancelled`, `handle` and `slots`."""

    __slots__ = (
        "run", "step", "function", "args", "number", "token", "began", "cancelled", "handle", "note",
        "listener", "transcript", "slots", "awaits", "lineage", "context", "said", "last",
    )  # fmt: skip

    def __init__(
        self,
        run: str,
        step: str,
        function: Function,
        args: bytes,
        number: int,
        token: int,
        lineage: str = "",
        context: contextvars.Context | None = None,
    ) -> None:
        self.run = run
        self.lineage = lineage or run  # the same in a retry of the run
        self.context = context  # the context variables that the workflow has set
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
        self.said = b""  # of its progress, encoded, for the next attempt at this step
        self.last = b""  # what the attempt before it had said
        self.slots: Slots | None = None  # from where it has its slot
        # Told which runs the body begins (True) or ceases to wait for, from any thread.
        self.awaits: Callable[[Attempt, tuple[str, ...], bool], None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it has a slot, so that its body runs; until then it waits for one."""
        return self.handle is not None

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this step, also in a retry of the run: "run:step"."""
        return f"{self.lineage}:{self.step}"

    def call(self) -> Any:
        """Call the bare function with decoded arguments; for a coroutine function, its coroutine."""
        try:
            args, kwargs = self.function.unbind(codec.decode(self.args))
        except MemoryError as error:  # before the body: none of its doing
            raise ResourceShortage("no memory for the arguments of a task") from error
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

    With an error that another process has encoded already, `payload` is that. `lost`: it has neither outcome
    nor failure, because what ran it is gone or lacked threads, memory or descriptors; it begins again,
    whatever the task's retries.
    """

    attempt: Attempt
    payload: bytes
    error: BaseException | None = None
    lost: bool = False


def failed(attempt: Attempt, error: BaseException) -> Ended:
    """How an attempt ended that raised. A shortage that Podium has met in it is no failure of the task's."""
    return Ended(attempt, b"", error, lost=isinstance(error, ResourceShortage))


# A context variable, because it must follow a task body into the tasks and (copied) threads it opens.
current_attempt: contextvars.ContextVar[Attempt | None] = contextvars.ContextVar(
    "podium_attempt", default=None
)


@contextlib.contextmanager
def slot_lent(runs: Iterable[str]) -> Generator[None]:
    """Around a wait for these runs. A task that waits lends its slot, because tasks of these very runs may be
    in line for one: were all slots held by bodies that wait, none would ever get one. Any thread."""
    attempt = current_attempt.get()
    if attempt is None:
        yield
        return
    awaited, slots, awaits = tuple(runs), attempt.slots, attempt.awaits
    if slots is not None:
        slots.lend(attempt)
    if awaits is not None:
        awaits(attempt, awaited, True)
    try:
        yield
    finally:
        if awaits is not None:
            awaits(attempt, awaited, False)
        if slots is not None:
            slots.restore(attempt)


class LentSlots:
    """The attempts of one executor that wait for runs, each perhaps in several places at once."""

    def __init__(self) -> None:
        self._waits: dict[Attempt, int] = {}

    def begin(self, attempt: Attempt) -> bool:
        """Count one more wait; whether it is the attempt's only one, so that its slot is lent now."""
        self._waits[attempt] = waits = self._waits.get(attempt, 0) + 1
        return waits == 1

    def end(self, attempt: Attempt) -> bool:
        """Count one less; whether the slot is the attempt's own again."""
        waits = self._waits.get(attempt, 0)  # 0: the attempt has ended, and what it started waits on
        if waits > 1:
            self._waits[attempt] = waits - 1
        return waits == 1 and self.drop(attempt)

    def drop(self, attempt: Attempt) -> bool:
        """The attempt has ended; whether it had lent its slot."""
        return self._waits.pop(attempt, None) is not None

    def __len__(self) -> int:
        return len(self._waits)


def fresh_context(attempt: Attempt) -> contextvars.Context:
    """A context that knows the attempt and what its own workflow has set: nothing leaks in from elsewhere."""
    context = contextvars.Context() if attempt.context is None else attempt.context.copy()
    context.run(current_attempt.set, attempt)
    return context
