"""What a machine asks the engine for, and the steps it waits on."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import UNSET

from ..functions import Function
from ..model import State
from .parts import RunLoop

_init_future: Any = vars(asyncio.Future)["__init__"]


class StepOwner(Protocol):
    """The machine that asked for a step."""

    def step_cancelled(self, step: Step) -> None:
        """The step's future was cancelled."""
        ...


class Step(asyncio.Future[Any]):
    """One call whose outcome will be recorded: what to run, and the future of what comes of it.

    Among commands it means: run this task once everything so far is durable. Cancelling it cancels the call.
    One object and not three (step, future, command), because the three refer to each other: such a circle
    is left to the collector, once a step.
    """

    __slots__ = (
        "id",
        "function",
        "args",
        "digest",
        "given",
        "line",
        "number",
        "item",
        "is_effect",
        "context",
        "value",
        "waiter",
        "_machine",
    )

    def __init__(
        self,
        machine: StepOwner,
        loop: RunLoop,
        id: str,
        function: Function,
        args: bytes,
        digest: bytes,
        line: tuple[str, int],
        given: dict[str, Any] | None = None,
    ) -> None:
        _init_future(self, loop=loop)  # `super()` would be an object more, at every step
        loop.numbers = self.number = loop.numbers + 1  # as `RunLoop.number` does
        self.waiter: Any = None  # the first to wait for it, a branch: a callback would cost three frames
        self._machine = machine
        self.id = id
        self.function = function
        self.args = args  # encoded, by parameter name
        self.given = given  # the same, where an attempt need not decode them
        self.value: Any = UNSET  # of its outcome, where that need not be decoded
        self.digest = digest
        self.line = line
        self.context = contextvars.copy_context() or None  # what the body has set for its tasks
        self.is_effect = function.is_effect  # its attempts begin on record, and are brought to an outcome
        self.item: int | None = None  # of a map: its place, counted from 0

    def __hash__(self) -> int:
        return self.number

    @property
    def returns(self) -> Any:
        """The annotation of its outcome."""
        return self.function.returns

    def is_first(self, waiter: Any) -> bool:
        """Whether nobody has waited for it before: then this one is woken, and needs no callback."""
        if self.waiter is not None or self._callbacks:
            return False
        self.waiter = waiter
        return True

    def wake_waiter(self) -> None:
        """It is about to be done."""
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            loop: Any = self.get_loop()
            loop.wake(waiter)

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        self.wake_waiter()
        super().cancel(msg)
        self._machine.step_cancelled(self)
        return True


class CancelStep:
    """Command: nobody waits for this step any more."""

    __slots__ = ("step",)

    def __init__(self, step: Step) -> None:
        self.step = step


class Again:
    """What a body returns to begin its next generation: the encoded arguments of that, and when it is due."""

    __slots__ = ("args", "due")

    def __init__(self, args: bytes, due: float) -> None:
        self.args, self.due = args, due


class Finish:
    """Command: the body ended, in this state and with this encoded value or failure. WAITING: its next
    generation begins with these arguments, when it is due."""

    __slots__ = ("state", "payload", "due")

    def __init__(self, state: State, payload: bytes, due: float = 0.0) -> None:
        self.state, self.payload, self.due = state, payload, due


class Tell:
    """Command: call this, once what it tells of is durable."""

    __slots__ = ("tell",)

    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell


class Ending:
    """Command: the body has ended in this state, by the entry of this number; what it has done is seen to."""

    __slots__ = ("state", "by")

    def __init__(self, state: State, by: int) -> None:
        self.state, self.by = state, by


Command = Step | CancelStep | Ending | Finish | Tell
