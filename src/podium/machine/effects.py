"""How one run is wound up when its body has ended: steps with an effect are brought to an outcome; after a
failure or a cancel, what was done is then undone, the last first.

What undoes a step is a step itself, on record and replayed like any other: a run that is killed while it
undoes goes on undoing. Nothing is stored beside that, because the stack comes from the replay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from .. import codec
from ..functions import Function
from ..model import UNDO_SCOPE, State
from .loop import Loop
from .outside import ChildStep, OutsideStep
from .scope import Scope
from .steps import CancelStep, Command, Finish, Step


class Winding(Protocol):
    """The machine whose body has ended."""

    loop: Loop
    open: dict[str, Step]
    outside: dict[str, OutsideStep]
    sent: dict[OutsideStep | CancelStep, None]

    def step_cancelled(self, step: Step) -> None:
        """The step's future was cancelled."""
        ...

    def ask_for(self, step: Step) -> None:
        """Ask for a step that was made."""
        ...


class UndoStep(Step):
    """A step that undoes what another one has done. `of`: the identity of that; "" where there is none."""

    __slots__ = ("of",)
    of: str

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.is_effect = True


class Undo(NamedTuple):
    """A call that undoes something."""

    function: Function
    args: bytes  # encoded, by parameter name
    digest: bytes
    line: tuple[str, int]
    of: str
    item: int | None = None


class Effects:
    """Of one run in memory."""

    __slots__ = ("done", "abandoned", "children", "end", "changed")

    def __init__(self) -> None:
        self.done: list[tuple[Step, bytes] | Undo] = []  # what is to be undone: steps with results, and calls
        self.abandoned: dict[str, Step] = {}  # that nobody waits for any more, and that have no outcome yet
        self.children: dict[str, OutsideStep] = {}  # that were asked to stop
        self.end: Finish | None = None  # how the body ended, once it has
        self.changed: asyncio.Future[None] | None = None

    def happened(self, step: Step, payload: bytes) -> None:
        """A step with an effect has this result."""
        if step.function.undo is not None:
            self.done.append((step, payload))

    def over(self, step: Step) -> bool:
        """A step has its outcome; whether nobody but the end of the run has waited for it."""
        over = self.abandoned.pop(step.id, None) or self.children.pop(step.id, None)
        if over is not None and self.changed is not None and not self.changed.done():
            self.changed.set_result(None)
        return over is not None

    def must_wind_up(self, machine: Winding, end: Finish) -> bool:
        """Whether there is something to do before the run ends so."""
        if self.abandoned or any(step.is_effect for step in machine.open.values()):
            return True
        return bool(self.done) and end.state in (State.FAILED, State.CANCELLED)

    def release(self, machine: Winding, end: Finish) -> Iterator[Command]:
        """The body has ended: nobody waits for its steps. Those with an effect, and of a run that is undone
        the children, stay open until they have an outcome."""
        self.end = end
        for step in list(machine.open.values()):
            if step.is_effect:
                step.cancel()  # which makes it an abandoned one
            elif isinstance(step, ChildStep) and not step.options.outlive and self._may_undo(end):
                self.children[step.id] = step
                machine.sent[CancelStep(step)] = None
            else:
                del machine.open[step.id]
                if machine.outside.pop(step.id, None) is None:
                    yield CancelStep(step)

    def _may_undo(self, end: Finish) -> bool:
        undoes = self.done or any(step.function.undo is not None for step in self.abandoned.values())
        return bool(undoes) and end.state in (State.FAILED, State.CANCELLED)

    async def wind_up(self, machine: Winding) -> None:
        """Wait for the outcomes that are missing, then undo."""
        while self.abandoned or self.children:
            self.changed = machine.loop.create_future()
            await self.changed
        assert self.end is not None
        if self.end.state is State.SUCCEEDED or self.end.state is State.WAITING:
            return
        scope = Scope(UNDO_SCOPE)
        while self.done:
            step = _undoing(machine, self.done[-1], scope)
            machine.ask_for(step)
            with contextlib.suppress(Exception):  # a person has said that this one stays as it is
                await step
            self.done.pop()


def _undoing(machine: Any, done: tuple[Step, bytes] | Undo, scope: Scope) -> UndoStep:
    undo = done if isinstance(done, Undo) else _undo_of(*done)
    identity = scope.identify(undo.function.label)
    step = UndoStep(machine, machine.loop, identity, undo.function, undo.args, undo.digest, undo.line)
    step.of, step.item = undo.of, undo.item
    return step


def _undo_of(step: Step, payload: bytes) -> Undo:
    """The call that undoes a step with this result: undo(result, *args)."""
    function = step.function.undo
    assert function is not None
    args, kwargs = step.function.spread(codec.decode(step.args))
    args = (codec.decode(payload, step.returns), *args)
    data, digest = function.encode(function.bind(args, kwargs), len(args))
    return Undo(function, data, digest, step.line, step.id, step.item)
