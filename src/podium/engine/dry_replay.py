"""What a run would do if it were taken up now: its record is fed to the code at hand, to no effect.

No task runs, nothing is written, nothing that the body asks for goes out. The turns are those that an engine
would make, so what is found is what would happen, as far as the record tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..codec.schemas import encode_fitting
from ..depot import Depot
from ..env import Env
from ..errors import StoreError, UsageError
from ..functions import Function
from ..lines import line_of
from ..machine import Machine, Step, raised_at
from ..model import FED, STARTS, Entry, Head, Kind, Reason, State, read_reason
from ..shortage import shortage_of
from ..store import Store
from .history_reader import PAGE
from .machines import machine_of
from .reasons import explain, stuck
from .watchdog import TurnWatch

_LOOK_SECONDS = 0.1  # how often a thread looks whether a turn takes too long


class DryEnd(NamedTuple):
    """Where a dry replay has come to."""

    parked: Reason | None = None  # why an engine would park the run
    state: State | None = None  # how its body ended; None: it goes on
    payload: bytes = b""  # its result or failure, then
    line: str = ""  # "file:line" where it failed, or what it waits for was asked for
    open: str = ""  # the identity of the first step that it waits for


class DryReplay:
    """Replays runs of one store, within the turn budget of an engine. A context manager."""

    def __init__(self, store: Store, env: Env, turn_budget: float) -> None:
        self._store, self._env = store, env
        self._watch = TurnWatch(env, turn_budget)
        self._over = threading.Event()

    def __enter__(self) -> DryReplay:
        self._looking = self._env.spawn(self._look, name="podium-check")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._watch.check()

    def of(self, head: Head, function: Function) -> DryEnd:
        """Replay one run on this code. Raises StoreError, and what a system that lacks something raises."""
        machine = machine_of(head, function)
        machine.replaying = True  # to its end: what its body logs on the way is logged by whoever drives it
        try:
            self._replay(machine, head)
            return _end(machine)
        except (StoreError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as trouble:
            if shortage_of(trouble) is not None:
                raise
            return DryEnd(parked=read_reason(explain(trouble)))
        finally:
            machine.discard()

    def outcome(
        self, head: Head, function: Function, means: Callable[[str], bool], value: Any, now: float
    ) -> Entry:
        """The entry by which a step that is open where this record ends comes to `value`. `means`: whether an
        identity is the step's.

        Raises UsageError where no such step is open then, or several are, or the value does not fit what it
        declares to return; and what a replay raises of a record that does not fit the code.
        """
        machine = machine_of(head, function)
        machine.replaying = True
        try:
            self._replay(machine, head)
            found = [step for step in machine.open.values() if means(step.id)]
            if len(found) != 1:
                what = "several such steps are" if found else "no such step is"
                there = ", ".join(machine.open)
                raise UsageError(
                    f"{what} open there on the code at hand",
                    fix=f"these are: {there}"
                    if there
                    else "it waits for no step there: fork without a value",
                )
            return _outcome(found[0], head.entries + 1, value, max(now, machine.loop.now), self._store.depot)
        finally:
            machine.discard()

    def given_up_at(self, head: Head, function: Function, means: Callable[[str], bool]) -> int | None:
        """The number of the entry over which this body gave a step up that has no outcome, such as the end of
        its timeout; None where it has not. `means`: as above. Raises what a replay raises."""
        machine = machine_of(head, function)
        machine.replaying = True
        try:
            self._watch.run(machine, machine.begin)
            for entry in self._entries(head):
                was_open = any(map(means, machine.open))
                if entry.kind in FED:
                    self._watch.run(machine, machine.feed, entry)
                    if was_open and not any(map(means, machine.open)):
                        return entry.seq
            return None
        finally:
            machine.discard()

    def _replay(self, machine: Machine, head: Head) -> None:
        """Bring it to where its history ends."""
        asked: dict[str, Entry] = {}  # as an engine has it, see `Driver.end_replay`
        self._watch.run(machine, machine.begin)
        for entry in self._entries(head):
            if entry.kind in FED:
                self._watch.run(machine, machine.feed, entry)
            elif entry.kind is Kind.SENT or entry.kind in STARTS:
                if entry.kind is Kind.SENT:
                    machine.require_asked(entry)
                asked[entry.step] = entry
        machine.require_open(asked.values())

    def _entries(self, head: Head) -> Iterator[Entry]:
        after = head.base
        while after < head.entries:
            page = self._store.history(head.id, after, min(PAGE, head.entries - after))
            if not page:  # it was deleted meanwhile, or has begun anew
                return
            yield from page
            after = page[-1].seq


def _outcome(step: Step, seq: int, value: Any, at: float, depot: Depot | None) -> Entry:
    payload = encode_fitting(value, step.returns, f"the value for {step.id}", depot)
    return Entry(seq, Kind.RESULT, at, step.id, step.digest, payload, module=step.function.module)


def _end(machine: Machine) -> DryEnd:
    if (finished := machine.finished) is not None:
        line = raised_at(machine.failure) if machine.failure is not None else ""
        return DryEnd(state=finished.state, payload=finished.payload, line=line or machine.defined_at())
    step = next(iter(machine.open.values()), None)
    if step is None and not machine.loop.timers:
        return DryEnd(parked=read_reason(stuck(machine)))
    return DryEnd(line=line_of(*step.line), open=step.id) if step is not None else DryEnd()
