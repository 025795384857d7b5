"""Drives a machine as the engine does, without an engine: outcomes in any order, evictions, crashes.

Tasks are called for real where the test stands, outside of any turn, and their outcomes are fed as the
entries that a store would keep.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

from podium import codec
from podium.functions import Function
from podium.machine import CancelStep, Finish, Machine, Step, replay
from podium.model import Entry, Kind, State

STARTED = 1_700_000_000.0


def declared(fn: Callable[..., Any]) -> Function:
    """A workflow around any function, closures included: nobody has to find this one again by its name."""
    return Function(f"test:{fn.__name__}", fn, is_workflow=True, is_async=inspect.iscoroutinefunction(fn))


class Life:
    """One run: its history, and the machine that is in memory now."""

    def __init__(
        self,
        fn: Callable[..., Any] | Function,
        *args: Any,
        history: list[Entry] | None = None,
        id: str = "r-1",
        begun: float = STARTED,
    ) -> None:
        self.function = fn if isinstance(fn, Function) else declared(fn)
        self.id, self.begun = id, begun
        self.args, _ = codec.encode_call(self.function.bind(args, {}), where="test")
        self.history: list[Entry] = history or []
        self.now = self.history[-1].at if self.history else begun
        self.started: list[str] = []  # step ids, in the order of the commands to start them
        self.cancelled: list[str] = []
        self.calls: list[str] = []  # task bodies that ran, by step id
        self.machine = self.boot()

    def boot(self) -> Machine:
        """A fresh machine, brought to where the history ends."""
        self.started.clear()
        self.cancelled.clear()
        machine = Machine(self.id, self.function, self.args, self.begun)
        machine.replaying = bool(self.history)
        try:
            machine.begin()
            self._take(machine)
            for entry in self.history:
                replay(machine, [entry])
                self._take(machine)
        except BaseException:  # as the engine does with a run in trouble
            machine.discard()
            raise
        self.machine = machine
        return machine

    def _take(self, machine: Machine) -> None:
        for command in machine.take():
            if isinstance(command, Step):
                self.started.append(command.id)
            elif isinstance(command, CancelStep):
                self.cancelled.append(command.step.id)

    # -- events ---------------------------------------------------------------------------------------

    def feed(
        self,
        kind: Kind,
        step: str = "",
        digest: bytes = b"",
        payload: bytes = b"",
        at: float = 0.0,
        **given: Any,
    ) -> None:
        """Record one entry and give it to the machine."""
        self.now = max(self.now, at)
        entry = Entry(len(self.history) + 1, kind, self.now, step, digest, payload, **given)
        self.history.append(entry)
        self.machine.feed(entry)
        self._take(self.machine)

    def answer(self, which: Step | str | None = None) -> None:
        """Run an open step's task (default: the oldest one's) and feed its outcome."""
        step = which if isinstance(which, Step) else self.open(which)
        self.calls.append(step.id)
        module = step.function.module
        try:
            payload = codec.encode(call(step), where="test")
        except BaseException as error:
            self.feed(Kind.ERROR, step.id, step.digest, codec.encode_failure(error), module=module)
        else:
            self.feed(Kind.RESULT, step.id, step.digest, payload, module=module)

    def open(self, part: str | None = None) -> Step:
        """The oldest open step whose id contains `part`."""
        return next(step for id, step in self.machine.open.items() if part is None or part in id)

    def tick(self) -> None:
        """Fire the timer that is due first."""
        timer = self.machine.loop.next_timer()
        assert timer is not None, "no timer to wait for"
        self.feed(Kind.TICK, timer.identity, at=timer.due)

    def cancel(self) -> None:
        """Deliver a cancel message."""
        self.feed(Kind.MESSAGE, f"message-{len(self.history)}", name="cancel:")

    def evict(self) -> None:
        """Drop the machine and replay."""
        self.machine.discard()
        self.boot()

    def crash(self, keep: int) -> None:
        """The same, with only the first `keep` entries on disk."""
        self.machine.discard()
        del self.history[keep:]
        self.now = self.history[-1].at if self.history else self.begun
        self.boot()

    # -- whole runs -----------------------------------------------------------------------------------

    @property
    def finished(self) -> Finish | None:
        return self.machine.finished

    def move(self, chance: random.Random | None = None) -> bool:
        """Let one thing happen, oldest step first or by chance; False when nothing can any more."""
        if self.finished is not None:
            return False
        steps, timer = list(self.machine.open.values()), self.machine.loop.next_timer()
        if timer is not None and (not steps or (chance is not None and chance.random() < 0.3)):
            self.tick()
        elif steps:
            self.answer(steps[0] if chance is None else chance.choice(steps))
        else:
            return False
        return True

    def run(self, chance: random.Random | None = None, evict: float = 0.0) -> Life:
        """Go on to the end; with `evict`, drop the machine that often."""
        while self.move(chance):
            if evict and (chance is None or chance.random() < evict):
                self.evict()
        return self

    def value(self) -> Any:
        """The result of a finished run; raises its failure."""
        assert self.finished is not None, f"not finished, waits for {list(self.machine.open)}"
        if self.finished.state is State.FAILED:
            raise codec.decode_failure(self.finished.payload)
        assert self.finished.state is State.SUCCEEDED, self.finished.state
        return codec.decode(self.finished.payload)


def call(step: Step) -> Any:
    """Run a step's task here. Coroutines of tests never wait, so one push is enough."""
    args, kwargs = step.function.unbind(codec.decode(step.args))
    value = step.function.fn(*args, **kwargs)
    if not inspect.iscoroutine(value):
        return value
    try:
        value.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a test's task must not wait")


def result(fn: Callable[..., Any], *args: Any) -> Any:
    """The result of a whole run, checked to be the same when it is evicted after every entry."""
    life = Life(fn, *args).run()
    again = Life(fn, *args).run(evict=1.0)
    assert [e.step for e in again.history] == [e.step for e in life.history]
    assert life.finished is not None, f"not finished, waits for {list(life.machine.open)}"
    assert again.finished is not None
    assert again.finished.state is life.finished.state
    if life.finished.state is State.SUCCEEDED:
        assert again.finished.payload == life.finished.payload
    return life.value()
