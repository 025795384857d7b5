"""The promises, checked from outside: after every transaction, with a handle of its own.

The monitor believes nothing that the engines say. It reads rows, keeps for each run a `Past` with a machine
of its own that is fed nothing but the durable history, and compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ..engine import Engine
from ..errors import Mismatch
from ..executors import Ended
from ..model import CANCEL, Claimed, Kind, Message, Outcome, Query, RunRow, State, Verdict, Wait, Write
from ..store import Store
from .executor import Invocation
from .past import Past, Violation
from .stage import Stage

EVERYTHING = Query(limit=10_000)


class Watched(Protocol):
    """A process, as far as it matters here."""

    @property
    def engine(self) -> Engine | None: ...

    @property
    def alive(self) -> bool: ...

    @property
    def stopping(self) -> bool: ...

    def refused(self, write: Write) -> None:
        """A fence kept it from writing."""
        ...


class Monitor:
    """Watches one world. Violations are kept, and halt it."""

    def __init__(self, stage: Stage, store: Store) -> None:
        self._stage, self._store = stage, store
        self.pasts: dict[str, Past] = {}
        self.ledger: list[Invocation] = []
        self.on_wait: Callable[[Wait], None] = _nobody
        # Told of each commit, when all that it has changed was looked at.
        self.on_commit: Callable[[Sequence[Write], Sequence[Verdict]], None] = _nobody
        self.evaluations: Counter[str] = Counter()
        self._restless: set[str] = set()  # runs neither final nor parked
        self._acknowledged: set[str] = set()  # runs
        self._messages: dict[str, Message] = {}  # acknowledged ones, by id
        self._beats: dict[str, float] = {}  # by engine: when its row last changed

    def check(self, promise: str, holds: bool, what: str) -> None:
        """Count one evaluation; a promise that does not hold is a violation."""
        self.evaluations[promise] += 1
        if not holds:
            self._stage.violated(f"{promise}: {what}")

    # -- after each transaction -----------------------------------------------------------------------

    def committed(
        self,
        process: Watched | None,
        engine: str | None,
        writes: Sequence[Write],
        verdicts: Sequence[Verdict],
    ) -> None:
        """A commit is durable."""
        looked_at: list[str] = []
        for write, verdict in zip(writes, verdicts, strict=True):
            if verdict.outcome is Outcome.DONE:
                for wait in write.waits:
                    self.on_wait(wait)
            self._stage.scheduler.note(verdict.outcome.value)
            if write.fence is not None:
                looked_at.append(write.fence.run)
                if verdict.outcome is Outcome.DONE:
                    self._accepted(process, engine, write)
                elif verdict.outcome is Outcome.REFUSED and process is not None:
                    process.refused(write)
            looked_at.extend(run for outcome, run in verdict.runs if outcome is not Outcome.CONFLICT)
            looked_at.extend(message.run for message in verdict.told)
        for run in dict.fromkeys(looked_at):
            self._look(self._store.load(run), by_write=True)
        self.on_commit(writes, verdicts)

    def _accepted(self, process: Watched | None, engine: str | None, write: Write) -> None:
        assert write.fence is not None
        past = self.pasts[write.fence.run]
        newest = past.row.token == write.fence.token and past.row.owner == engine
        newest = newest or _calls_off(past, write)
        self.check("P4 only the owner writes", newest, f"{write.fence} by {engine} was accepted, {past.told}")
        expected = past.row.entries + len(write.entries)
        past.expected_entries = expected
        for entry in write.entries:
            if entry.kind is Kind.RESULT:
                past.recorded_under[entry.step] = write.fence.token
        if write.move is not None and write.move.state is State.WAITING and process is not None:
            past.evicted = not process.stopping
            self._stage.mark("evicted" if past.evicted else "handed back at a clean stop")

    def claimed(self, claimed: Claimed) -> None:
        """Runs have a new owner."""
        for head in claimed.heads:
            past = self.pasts.get(head.id)
            if past is not None and head.entries:
                if past.retries_granted and head.lost:
                    self._stage.mark("retry resumed after a crash")
                if past.evicted:
                    self._stage.mark("evicted and resumed")
            self._look(self._store.load(head.id))

    def announced(self, engine: str) -> None:
        """An engine's row is there."""
        self._beats[engine] = self._stage.scheduler.time

    def beaten(self, engine: str, alive: bool) -> None:
        """An engine renewed its row."""
        if alive:
            self._beats[engine] = self._stage.scheduler.time

    def released(self, dead: Iterable[str], freed: int, looked: float) -> None:
        """Somebody was taken for dead, after a look at that time.

        Between the look and the release the observer itself may have stood still, and the other may have
        come back: then it keeps its row.
        """
        rows = {row.id for row in self._store.engines()}
        for engine in dead:
            beat = self._beats.get(engine, 0.0)
            silent = looked - beat
            self.check(
                "P7 nobody alive is condemned",
                engine in self._stage.dead
                or (engine in rows if beat > looked else silent > self._stage.options.lease * 0.999),
                f"engine {engine} was judged dead {silent:.3f} s after its last beat",
            )
        if freed:
            self._stage.mark("taken over from the dead")
        if freed or dead:
            self.look_at_all()

    def retired(self, freed: int) -> None:
        """An engine said goodbye."""
        self.look_at_all()

    def look_at_all(self) -> None:
        """Read every run."""
        for row in self._store.find(EVERYTHING):
            self._look(row)

    def _look(self, row: RunRow | None, *, by_write: bool = False) -> None:
        if row is None:
            return
        try:
            past = self.pasts.get(row.id)
            if past is None:
                function = self._stage.functions[row.function]
                past = self.pasts[row.id] = Past(self.check, row, function, self._stage.is_users)
            if row.entries > past.length:
                past.extend(self._store.history(row.id, past.length, 10_000))
            past.moved_to(row, by_write)
            past.settle()
            if row.state.is_settled:
                self._restless.discard(row.id)
            else:
                self._restless.add(row.id)
        except Violation as violation:
            self._violated(violation)

    def _violated(self, violation: Violation) -> None:
        cause = violation.__cause__
        if self._stage.is_users and isinstance(cause, Mismatch):
            self._stage.refuse(cause)  # it is the user's body that does not decide the same again
        else:
            self._stage.violated(str(violation))

    # -- what bodies and clients say ------------------------------------------------------------------

    def invoked(self, process: Watched, invocation: Invocation) -> None:
        """A task body begins."""
        self.ledger.append(invocation)
        engine = process.engine
        acts = process.alive and engine is not None and engine.failure is None
        self.check("P4 the dead and the condemned do nothing", acts, f"{invocation} by one that is gone")
        past = self.pasts.get(invocation.run)
        if past is None:
            self.check("P1 bodies rest on what is recorded", False, f"{invocation} of a run nobody recorded")
            return
        try:
            past.invoked(invocation)
        except Violation as violation:
            self._violated(violation)

    def ended(self, ended: Ended) -> None:
        """A task body came to its end."""
        if ended.lost and (past := self.pasts.get(ended.attempt.run)) is not None:
            past.lost(ended.attempt.step, ended.attempt.token)

    def started(self, run: str) -> None:
        """A client was told that its run is there."""
        self._acknowledged.add(run)
        self.check("P1 acknowledged is stored", run in self.pasts, f"run {run} is not there")

    def sent(self, message: Message) -> None:
        """A client was told that its message will arrive."""
        self._messages[message.id] = message

    def told(self, run: str, state: State, payload: bytes) -> None:
        """A client was told how its run came out."""
        past = self.pasts[run]
        was_parked = state is State.PARKED and payload in past.parked  # and may have been resumed since
        true = was_parked or (past.row.state is state and past.row.payload == payload)
        self.check("P1 an answer is durable before it is given", true, f"run {run} was said to be {state}")

    # -- at the end -----------------------------------------------------------------------------------

    @property
    def drained(self) -> bool:
        """Nothing is left to do."""
        return not self._restless

    def close_books(self) -> None:
        """When everything has come to rest: read all of it once more, and compare."""
        self.look_at_all()
        rows = {row.id: row for row in self._store.find(EVERYTHING)}
        for run in self._acknowledged:
            self.check("P1 acknowledged is stored", run in rows, f"run {run} is gone")
        for run, past in self.pasts.items():
            entries = self._store.history(run, 0, 10_000)
            self.check("P2 what is recorded stays", past.same_as(entries), f"run {run}: the history changed")
            still = f"still {past.told} of {past.function.label}"
            self.check("P7 everything comes to rest", past.row.state.is_settled, still)
        for message in self._messages.values():
            self._check_arrived(message, rows[message.run])

    def _check_arrived(self, message: Message, row: RunRow) -> None:
        past = self.pasts[message.run]
        arrived = message.id in past.messages or row.inbox > 0
        self.check("P1 an acknowledged message arrives", arrived, f"{message.kind} to {past.told} got lost")


def _nobody(*_: object) -> None:
    """No client answers, no world looks on."""


def _calls_off(past: Past, write: Write) -> bool:
    """Whether it ends a run that nobody has, and that was asked to stop: any engine may."""
    row, move = past.row, write.move
    return (
        move is not None
        and row.state in (State.QUEUED, State.WAITING)
        and (row.owner, move.state) == (None, State.CANCELLED)
        and [entry.name.startswith(CANCEL) for entry in write.entries] == [True]
    )
