"""Makes the entries of one run's history: each has its number and time, is written by the outbox, and fed to
the machine if it is of a kind that is fed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .. import codec
from ..env import Env
from ..executors import Attempt
from ..machine import Ending, Machine, Step
from ..model import FED, Entry, Kind
from .attempts import Attempts
from .outbox import Outbox

Turn = Callable[..., None]  # (machine, act, *args): one turn, within its budget


class Recorder:
    """Of one run in memory."""

    def __init__(self, env: Env, turn: Turn, machine: Machine, attempts: Attempts, outbox: Outbox) -> None:
        self._env, self._turn = env, turn
        self.machine, self._attempts, self._outbox = machine, attempts, outbox
        self.is_ending = False  # it is on record that the body has ended

    def record(self, kind: Kind, step: Step, payload: bytes = b"", name: str = "") -> None:
        """Record something of a step that no attempt has brought; feed it, if it is of a kind that is fed."""
        seq, at, module = self._outbox.next_seq(), self.time(self._env.now()), step.function.module
        entry = Entry(seq, kind, at, step.id, step.digest, payload, module=module, name=name)
        if kind in FED:
            self._feed(entry)
        else:
            self._keep(entry)

    def note(self, kind: Kind, attempt: Attempt | None = None, digest: bytes = b"", name: str = "") -> None:
        """Record what counts losses: that an attempt begins, that the body's turn was survived."""
        seq, at = self._outbox.next_seq(), self.time(self._env.now())
        if attempt is None:
            self._keep(Entry(seq, kind, at))
        else:
            number, module = attempt.number, attempt.function.module
            self._keep(Entry(seq, kind, at, attempt.step, digest, attempt=number, module=module, name=name))

    def _keep(self, entry: Entry) -> None:
        """Record what the machine does not see."""
        self._attempts.remember(entry)
        self._outbox.record(entry)

    def _feed(self, entry: Entry) -> None:
        self._outbox.record(entry)
        if entry.kind is Kind.MESSAGE:
            self._attempts.remember(entry)
        self._turn(self.machine, self.machine.feed, entry)

    def time(self, now: float) -> float:
        """The time of an entry made now: a run's time never goes back, whichever clock it comes from."""
        last: Any = self.machine.loop.now
        return now if now > last else last

    def record_retry(
        self, step: Step, attempt: Attempt, failure: bytes, now: float, due: float, policy: int
    ) -> Entry:
        """Record a failure after which the step is tried again at `due`."""
        entry = Entry(
            seq=self._outbox.next_seq(), kind=Kind.RETRY, at=self.time(now), step=step.id, digest=step.digest,
            payload=failure, began=attempt.began, attempt=attempt.number, due=due,
            module=step.function.module, policy=policy,
        )  # fmt: skip
        self._keep(entry)
        return entry

    def never_began(self, step: Step) -> None:
        """Nobody waits for a step with an effect any more, and it has none."""
        self.record(Kind.ERROR, step, codec.encode_failure(asyncio.CancelledError()))
        self._attempts.answered(step.id)

    def stands(self, step: Step) -> bool:
        """Whether a step was done before this run, a retry, and its effect stands: that is its outcome."""
        done = self._attempts.standing.get(step.id)
        if done is None or done.digest != step.digest:
            return False
        self._attempts.answered(step.id)
        self.record(Kind.RESULT, step, done.payload)
        return True

    def note_ending(self, ending: Ending) -> None:
        """Record that the body has ended, and what it has done is seen to."""
        if not self.is_ending:
            self.is_ending = True
            seq, at = self._outbox.next_seq(), self.time(self._env.now())
            self._keep(Entry(seq, Kind.ENDING, at, name=f"{ending.state}:{ending.by}"))
