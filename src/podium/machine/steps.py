"""What a machine asks the engine for, and the steps it waits on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..functions import Function
from .loop import Loop

if TYPE_CHECKING:
    from .machine import Machine


class StepFuture(asyncio.Future[Any]):
    """The outcome of a step, as the workflow waits for it. Cancelling it cancels the step."""

    def __init__(self, loop: Loop, machine: Machine, step: Step) -> None:
        super().__init__(loop=loop)
        self.number = loop.number()
        self._machine, self._step = machine, step

    def __hash__(self) -> int:
        return self.number

    def cancel(self, msg: Any = None) -> bool:
        if not super().cancel(msg):
            return False
        self._machine.step_cancelled(self._step)
        return True


class Step:
    """One call whose outcome will be recorded: what to run, and who waits for it."""

    __slots__ = ("id", "function", "args", "digest", "line", "future")

    def __init__(
        self, id: str, function: Function, args: bytes, digest: bytes, line: tuple[str, int]
    ) -> None:
        self.id = id
        self.function = function
        self.args = args  # encoded, by parameter name
        self.digest = digest
        self.line = line
        self.future: StepFuture


class StartStep:
    """Command: run this step's task once everything so far is durable."""

    __slots__ = ("step",)

    def __init__(self, step: Step) -> None:
        self.step = step


class CancelStep:
    """Command: nobody waits for this step any more."""

    __slots__ = ("step",)

    def __init__(self, step: Step) -> None:
        self.step = step


class Finish:
    """Command: the body ended. Exactly one of `payload` (encoded) and `error` is meant, by `state`."""

    __slots__ = ("state", "payload")

    def __init__(self, state: Any, payload: bytes) -> None:
        self.state = state
        self.payload = payload


Command = StartStep | CancelStep | Finish
