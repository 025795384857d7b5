"""The machine of a run without a body: a caller in this process asks for its steps, in any order and number.

There is nothing to replay, so its past is not fed but told: what is on record of each step, by its identity.
An outcome reaches the caller as a command, `Tell`, so not before it is durable.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from .. import codec
from ..functions import Function
from ..model import CANCEL, Entry, Kind, State
from .machine import Machine
from .steps import CancelStep, Finish, Step, Tell


class Attendant(Protocol):
    """The caller, on the engine's thread."""

    def began(self, machine: AttendedMachine) -> None:
        """A machine of its run begins: the first, or another after the run had to leave memory."""
        ...

    def dropped(self) -> None:
        """It has left memory."""
        ...

    def recall(self, entry: Entry) -> None:
        """A result is on record."""
        ...

    def attend(self, machine: AttendedMachine) -> None:
        """Ask for steps, if there is room for more."""
        ...

    def answered(self, step: str, kind: Kind, payload: bytes) -> None:
        """The outcome of a step is durable."""
        ...


class AttendedMachine(Machine):
    """One such run in memory."""

    is_attended = True

    def __init__(self, attendant: Attendant, *run: Any) -> None:
        """`run`: what a `Machine` is made of."""
        super().__init__(*run)
        self._attendant = attendant

    def begin(self) -> None:
        """The caller is told that it may ask, once the past is told."""
        self._args = b""
        self._attendant.began(self)

    def feed(self, entry: Entry) -> None:
        """An outcome on record, or one that has come now; or a request to cancel the run."""
        kind = entry.kind
        self.loop.now = max(self.loop.now, entry.at)
        if kind is Kind.RESULT or kind is Kind.ERROR:
            if self.open.pop(entry.step, None) is not None:
                tell = partial(self._attendant.answered, entry.step, kind, entry.payload)
                self.commands.append(Tell(tell))
            elif kind is Kind.RESULT:
                self._attendant.recall(entry)
        elif kind is Kind.MESSAGE and entry.name.startswith(f"{CANCEL}:"):
            self.finish(State.CANCELLED)

    def come_to(self, step: Step, entry: Entry) -> None:
        """As any outcome."""
        self.feed(entry)

    def take(self) -> list[Any]:
        """Commands since the last call, and what the caller asks for by now."""
        if self.finished is None:
            self._attendant.attend(self)
        return super().take()

    def ask(self, id: str, function: Function, args: bytes, digest: bytes, line: tuple[str, int]) -> None:
        """Ask for a step by this identity, with encoded arguments."""
        step = Step(self, self.loop, id, function, args, digest, line)
        step.context = None  # that of whoever happened to wake the engine
        self.open[id] = step
        self.commands.append(step)

    def discard(self) -> None:
        """As every machine, and the caller is told."""
        super().discard()
        self._attendant.dropped()

    def finish(self, state: State) -> None:
        """End the run so; steps that are still open are cancelled."""
        if self.finished is None:
            self.commands.extend(CancelStep(step) for step in self.open.values())
            self.open.clear()
            self.finished = Finish(state, codec.encode(None) if state is State.SUCCEEDED else b"")
            self.commands.append(self.finished)
