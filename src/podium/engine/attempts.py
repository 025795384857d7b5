"""The attempts at one run's steps: what is tried, what failed before, what is due again.

Counts are durable, because each failed attempt is a RETRY entry and, once the run has lost an owner, each
begun one a START entry; `remember` reads them back on a replay.
"""

from __future__ import annotations

from ..executors import Attempt
from ..machine import Step
from ..model import Entry, Head, Kind

LOSSES_MAX = 3  # attempts at one step that ran alone and were lost with their process: its run is parked
ALONE = b"1"  # the payload of a START entry whose attempt ran alone, see `caution`
FORGIVEN = b"0"  # that of one without a step: a person has resumed the run, what was lost counts no more


class Tries:
    """What is known of earlier attempts at one step."""

    __slots__ = ("policies", "began", "due", "lost", "lost_alone", "number")

    def __init__(self) -> None:
        self.policies: list[int] = []  # per recorded failure: the index of the policy that granted a retry
        self.began = 0.0  # when the first attempt began
        self.due: float | None = None  # when the next attempt may begin; None while one is under way
        self.lost = 0  # attempts begun since the last recorded failure that never ended
        self.lost_alone = 0  # of these, such as ran alone
        self.number = 0  # of the last attempt


class Attempts:
    """Book-keeping for one run in memory."""

    def __init__(self) -> None:
        self.tries: dict[str, Tries] = {}  # by step id; only steps that were tried before
        self.running: dict[str, Attempt] = {}  # by step id

    def remember(self, entry: Entry) -> None:
        """Take over what a recorded entry says about attempts."""
        if entry.kind is Kind.RETRY:
            tries = self.of(entry.step)
            tries.policies.append(entry.payload[0])
            tries.began = tries.began or entry.began
            tries.due, tries.number = entry.due, entry.attempt
            tries.lost = tries.lost_alone = 0
        elif entry.kind is Kind.START and entry.step:
            tries = self.of(entry.step)
            tries.began = tries.began or entry.at
            tries.lost += 1
            tries.lost_alone += entry.payload == ALONE
            tries.due, tries.number = None, entry.attempt
        elif entry.kind is Kind.START:
            if entry.payload == FORGIVEN:
                for tries in self.tries.values():
                    tries.lost = tries.lost_alone = 0
        else:
            self.tries.pop(entry.step, None)

    def of(self, step: str) -> Tries:
        """The tries of a step, made on first use."""
        tries = self.tries.get(step)
        if tries is None:
            tries = self.tries[step] = Tries()
        return tries

    def begin(self, head: Head, step: Step) -> Attempt:
        """The next attempt at a step, from now on among the running ones."""
        tries, number = self.tries.get(step.id), 1
        if tries is not None:
            number = tries.number = tries.number + 1
        attempt = Attempt(head.id, step.id, step.function, step.args, number, head.token)
        self.running[step.id] = attempt
        return attempt

    @property
    def have_lost(self) -> bool:
        """Whether attempts were lost that nobody has forgiven."""
        return any(tries.lost for tries in self.tries.values())

    def next_due(self) -> float | None:
        """When the first postponed attempt may begin; None if none is postponed."""
        return min((t.due for t in self.tries.values() if t.due is not None), default=None)

    def forget(self, step: str) -> Attempt | None:
        """The step is answered or cancelled; returns its attempt under way, if any."""
        self.tries.pop(step, None)
        return self.running.pop(step, None)
