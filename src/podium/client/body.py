"""What a workflow's body holds: a step that it started, a child run, what it waits for from outside."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from ..errors import UsageError
from ..lines import line_of
from ..machine import ChildStep, Machine, OutsideStep, Step, caller
from ..machine import send as send_from_body
from ..model import State
from .messages import encoded_signal
from .streams import Stream
from .waiting import Done, Waiting

R = TypeVar("R")


class StepRun:
    """A step that a workflow started without waiting for it."""

    def __init__(self, machine: Machine, step: Step) -> None:
        self._machine, self._step = machine, step
        self.id = step.target if isinstance(step, ChildStep) else f"{machine.run}:{step.id}"

    def state(self) -> State:
        future = self._step
        if not future.done():
            return State.RUNNING
        if future.cancelled():
            return State.CANCELLED
        return State.SUCCEEDED if future.exception() is None else State.FAILED

    def result(self, timeout: float | None) -> Any:
        if timeout is not None:
            raise UsageError("result(timeout=...) inside a workflow", fix="use asyncio.timeout(...)")
        self._machine.check_alive()
        return self._machine.loop.wait_plainly(self._step)

    async def wait(self) -> Any:
        return await self._step

    async def started(self) -> str:
        return self.id

    def cancel(self, by: str | None) -> Waiting[None]:  # on record as what the body does
        self._step.cancel()
        return Done()

    def value(self, name: str) -> Any:
        raise refused_read("value")

    def stream(self, name: str, after: int) -> Stream:
        raise refused_read("stream")

    def send(self, name: str, value: Any, id: str | None) -> Waiting[None]:
        if not isinstance(self._step, ChildStep):
            raise UsageError(f"{self.id} is a task's step: signals go to runs")
        return _send(self._machine, self.id, name, value, id)


class OwnRun:
    """The run itself, as its body has it."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self.id = machine, machine.run

    def state(self) -> State:
        raise refused_read("state")

    def result(self, timeout: float | None) -> Any:
        raise refused_read("result")

    async def wait(self) -> Any:
        raise refused_read("result")

    async def started(self) -> str:
        return self.id

    def cancel(self, by: str | None) -> Waiting[None]:
        raise UsageError(
            f"{line_of(*caller())}: a body that cancels its own run",
            fix="raise an exception, or return; asyncio.current_task().cancel() cancels the branch",
        )

    def value(self, name: str) -> Any:
        raise refused_read("value")

    def stream(self, name: str, after: int) -> Stream:
        raise refused_read("stream")

    def send(self, name: str, value: Any, id: str | None) -> Waiting[None]:
        return _send(self._machine, self.id, name, value, id)


def _send(machine: Machine, run: str, name: str, value: Any, id: str | None) -> Waiting[None]:
    if id is not None:
        raise UsageError("send(id=...) inside a workflow: there each call has its own")
    step = send_from_body(machine, run, name, encoded_signal(name, value, machine.depot))
    return BodyWaiting(machine, step)


def refused_read(verb: str) -> UsageError:
    """What a run says now is another thing in every replay."""
    return UsageError(
        f"{line_of(*caller())}: run.{verb}(...) in the body of a workflow reads what may have changed by the "
        "next replay",
        fix="look in a task",
    )


class BodyWaiting(Waiting[R]):
    """A `Waiting` for something that a workflow's body has asked for."""

    def __init__(self, machine: Machine, step: Step) -> None:
        self._machine, self._step = machine, step

    def result(self, timeout: float | None = None) -> R:
        if timeout is not None:
            raise UsageError("result(timeout=...) inside a workflow", fix="use timeout= of what is asked for")
        self._machine.check_alive()
        return self._machine.loop.wait_plainly(self._step)

    def __await__(self) -> Generator[Any, None, R]:
        return self._step.__await__()

    def __repr__(self) -> str:
        return f"<Waiting: {self._step.id}>"


class Callback(BodyWaiting[R]):
    """What another system is to answer; `id` is what `podium.complete(id, value)` names.

    Example, in a workflow:

    >>> async def pays():
    ...     done = podium.callback(int)
    ...     await tell_the_bank(done.id)
    ...     return await done
    """

    @property
    def id(self) -> str:
        """Hand it to the other system.

        Example, in a workflow:

        >>> def tells():
        ...     return podium.callback(int).id
        """
        return self._target

    def __init__(self, machine: Machine, step: OutsideStep) -> None:
        super().__init__(machine, step)
        self._target = step.target
