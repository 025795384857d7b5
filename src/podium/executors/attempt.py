"""One try at a step: what an executor gets, and what it gives back."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec

from .. import codec
from ..codec import ATOMS, encode_atom
from ..depot import Depot
from ..env import RealEnv
from ..errors import EngineStopped, ResourceShortage, StoreFatal, StoreUnavailable, UsageError
from ..functions import Function
from ..model import Measure
from .log_buffer import LogBuffer
from .resources import Resources
from .stream_buffer import StreamBuffer

_env = RealEnv()


class Slots(Protocol):
    """The limit of an executor, from which an attempt has its slot. Any thread."""

    def lend(self, attempt: Attempt) -> None:
        """The body begins to wait for runs: others may have its slot meanwhile."""
        ...

    def restore(self, attempt: Attempt) -> None:
        """It waits no more."""
        ...

    def started_run(self, attempt: Attempt) -> None:
        """The body has started a run: it may wait for that in ways that nobody sees, such as looking again
        and again."""
        ...


class StreamSink(Protocol):
    """Where chunks and published values of attempts go. Any thread."""

    def emit(self, attempt: Attempt, name: str, payload: bytes) -> Future[None] | None:
        """Add a chunk to a stream of the run; a future of that there is room for more, None: there is."""
        ...

    def publish(self, attempt: Attempt, name: str, payload: bytes) -> None:
        """Replace the value of a name."""
        ...


class Services(msgspec.Struct, frozen=True, eq=False):
    """What an engine, or what stands in for one elsewhere, does for the bodies that it runs: one for all."""

    note: Callable[[Attempt, Progress], None] | None = None
    open_log: Callable[[Attempt], LogBuffer] | None = None  # None: what they say is not kept
    streams: StreamSink | None = None
    now: Callable[[], float] | None = None  # the clock of the engine; None: that of its own process
    resources: Resources | None = None
    depot: Depot | None = None  # where values are that are kept by reference; None: out of reach from here
    # Told which runs the body begins (True) or ceases to wait for, from any thread.
    awaits: Callable[[Attempt, tuple[str, ...], bool], None] | None = None
    home: Any = None  # the app whose engine it is, which executors know nothing of


_NONE = Services()


class Attempt(msgspec.Struct, eq=False, weakref=True):
    """A task body about to run, running or abandoned. Executors touch `cancelled`, `handle` and `slots`.

    A Struct, because it is made in C: one is made for every step, with twenty attributes. By place, in the
    engine, up to `given`.
    """

    run: str
    step: str
    function: Function
    args: bytes  # encoded, by parameter name
    number: int  # counts from 1, over lost ones too
    token: int  # of the run's ownership
    lineage: str = ""  # the same in a retry of the run; "": the run
    context: contextvars.Context | None = None  # the context variables that the workflow has set
    headers: str = ""  # the run's `context`
    since: float = 0.0  # when the run was begun, UTC seconds
    given: dict[str, Any] | None = None  # the arguments, where they need not be decoded
    key: str = ""  # its idempotency key, where that has another form
    asks: bool = False  # its function is what verifies the step, not the step's own
    began: float = 0.0  # UTC seconds, set by the executor's caller
    cancelled: bool = False
    handle: Any = None  # the executor's own, while the body runs
    has_begun: bool = False  # it has, or had, a slot; what its body came to may be on its way
    services: Services = _NONE
    log: LogBuffer | None = None  # of what the body has printed and logged; most say nothing
    stream: StreamBuffer | None = None  # of what the body has emitted and published; most do not
    said: bytes = b""  # of its progress, encoded, for the next attempt at this step
    last: bytes = b""  # what the attempt before it had said
    measures: list[Measure] | None = None  # that its body has made; most make none
    sends: int = 0  # signals that its body has sent
    value: Any = msgspec.UNSET  # what the body returned, where that is read as it was written
    slots: Slots | None = None  # from where it has its slot
    cached: str = ""  # what the record is to call its result, see `podium.model.cached`

    @property
    def is_awaited(self) -> bool:
        """Whether it is waited for, however long it takes, where it cannot be stopped: before more is done it
        must be known what it did."""
        return self.function.is_effect and not self.function.once

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this step, also in a retry of the run: "run:step"."""
        return self.key or f"{self.lineage or self.run}:{self.step}"

    def call(self) -> Any:
        """Call the bare function with decoded arguments; for a coroutine function, its coroutine."""
        depot, function, given = self.services.depot, self.function, self.given
        if given is not None:
            return function.fn(**given)
        if depot is None:
            args, kwargs = self.arguments()
            return function.fn(*args, **kwargs)
        try:  # as `arguments` does it: this is the way of every attempt
            args, kwargs = function.unbind(codec.decode(self.args, Any, depot))
        except MemoryError as error:
            raise ResourceShortage("no memory for the arguments of a task") from error
        return function.fn(*args, **kwargs)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Its arguments, decoded; those that are kept by reference are read, which may take a while."""
        depot = self.services.depot
        if depot is None and self.takes_files:
            raise UsageError(
                f"{self.function.label} gets values that are kept by reference, and runs where the store's "
                "files are out of reach",
                fix="let it run on the store's host: without executor=",
            )
        try:
            return self.function.unbind(codec.decode(self.args, depot=depot))
        except MemoryError as error:  # before the body: none of its doing
            raise ResourceShortage("no memory for the arguments of a task") from error

    @property
    def takes_files(self) -> bool:
        """Whether any of its arguments is kept by reference."""
        return codec.holds_references(self.args)

    def encode(self, value: Any, depot: Depot | None = None) -> bytes:
        """Encode what the body returned; what is kept by reference is put into its depot, or another one."""
        function = self.function
        returns = function.returns
        if type(value) in ATOMS and (type(value) is returns or returns is Any):
            self.value = value
            data = encode_atom(value)
            if data is not None:
                return data
        return codec.encode(
            value, where=function.result_name, annotation=returns, depot=depot or self.services.depot
        )


class Progress(msgspec.Struct, frozen=True):
    """What a task last said about itself. Not durable."""

    done: float
    total: float | None
    text: str


class Ended(msgspec.Struct, frozen=True):
    """How an attempt ended: with `payload` if `error` is None. A cancelled attempt ends without one.

    With an error that another process has encoded already, `payload` is that. `lost`: it has neither outcome
    nor failure, because what ran it is gone, or lacked threads, memory, descriptors or its store; it begins
    again, whatever the task's retries, after the pause.
    """

    attempt: Attempt
    payload: bytes
    error: BaseException | None = None
    lost: bool = False
    pause: float = 0.5  # s


def is_loss(error: BaseException) -> bool:
    """Whether an error that a body has passed on is Podium's own environment's, and no failure of the task:
    it lacked threads or memory, its store was in trouble, or it was closed under a task that asked it for
    something."""
    if isinstance(error, (StoreUnavailable, StoreFatal)):
        return not error.elsewhere
    return isinstance(error, (EngineStopped, ResourceShortage))


def failed(attempt: Attempt, error: BaseException) -> Ended:
    """How an attempt ended that raised."""
    return Ended(attempt, b"", error, lost=is_loss(error))


# A context variable, because it must follow a task body into the tasks and (copied) threads it opens.
current_attempt: contextvars.ContextVar[Attempt | None] = contextvars.ContextVar(
    "podium_attempt", default=None
)


def time_of_task() -> float:
    """The time, UTC seconds, by the clock of the engine whose task this is, or else by its own process's."""
    attempt = current_attempt.get()
    return _env.now() if attempt is None or attempt.services.now is None else attempt.services.now()


def fresh_context(attempt: Attempt) -> contextvars.Context:
    """A context that knows the attempt and what its own workflow has set: nothing leaks in from elsewhere."""
    context = contextvars.Context() if attempt.context is None else attempt.context.copy()
    context.run(current_attempt.set, attempt)
    return context
