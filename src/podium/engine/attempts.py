"""The attempts at one run's steps: what is tried, what failed before, what is due again.

Counts are durable, because each failed attempt is a RETRY entry and, once the run has lost an owner, each
begun one a START or START_ALONE entry; `remember` reads them back on a replay. HANDED_BACK takes one of these
back, FORGIVEN all of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from ..executors import Attempt
from ..machine import Step
from ..model import STARTS, TURNS, Entry, Head, Kind, StepProgress, lineage_of
from .former_keys import FormerKeys

LOST_ALONE_MAX = 3  # attempts at one step that ran alone and were lost with their process: its run is parked


class Tries:
    """What is known of earlier attempts at one step."""

    __slots__ = ("policies", "began", "lost", "lost_alone", "alone", "number")

    def __init__(self) -> None:
        self.policies: list[int] = []  # per recorded failure: the index of the policy that granted a retry
        self.began = 0.0  # when the first attempt began
        self.lost = 0  # attempts begun since the last recorded failure that never ended
        self.lost_alone = 0  # of these, such as ran alone
        self.alone = False  # whether the last attempt that is on record does, or did
        self.number = 0  # of the last attempt


class Attempts:
    """Book-keeping for one run in memory."""

    def __init__(self) -> None:
        self._lineage = ""
        self.tries: dict[str, Tries] = {}  # by step id; only steps that were tried before
        self.running: dict[str, Attempt] = {}  # by step id
        self.said: dict[str, bytes] = {}  # by step id: of its progress, by earlier attempts
        self.postponed: dict[str, float] = {}  # by step id: when the next attempt may begin
        self.former_keys: FormerKeys | None = None  # of a run of Podium 0.1
        # The same in order, with what is postponed no more or to another time: that is skipped when it
        # comes up. Looking through all for the first would make a wide run's failures cost quadratic time.
        self._line: list[tuple[float, str]] = []

    def remember(self, entry: Entry) -> None:
        """Take over what a recorded entry says about attempts."""
        kind = entry.kind
        if kind is Kind.RETRY:
            tries = self.of(entry.step)
            tries.policies.append(entry.policy or 0)
            tries.began = tries.began or entry.began
            tries.number = entry.attempt
            tries.lost = tries.lost_alone = 0
            self._postpone(entry.step, entry.due or 0.0)
        elif kind in STARTS:
            tries = self.of(entry.step)
            tries.began = tries.began or entry.at
            tries.alone = kind is Kind.START_ALONE
            tries.lost += 1
            tries.lost_alone += tries.alone
            tries.number = entry.attempt
            self.postponed.pop(entry.step, None)
        elif kind is Kind.HANDED_BACK:
            tries = self.of(entry.step)
            tries.lost -= 1
            tries.lost_alone -= tries.alone
        elif kind is Kind.FORGIVEN:
            for tries in self.tries.values():
                tries.lost = tries.lost_alone = 0
        elif kind not in TURNS:
            self.answered(entry.step)

    def remember_progress(self, said: Iterable[StepProgress]) -> None:
        """Take over what earlier attempts have said of their progress."""
        self.said.update({each.step: each.payload for each in said})

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
        lineage = self._lineage = self._lineage or lineage_of(head)
        attempt = Attempt(
            head.id, step.id, step.function, step.args, number, head.token, lineage, step.context
        )
        attempt.headers, attempt.since = head.context, head.started
        if self.former_keys is not None:
            attempt.key = self.former_keys[step.id]
        if self.said:
            attempt.last = self.said.get(step.id, b"")
        self.running[step.id] = attempt
        return attempt

    @property
    def have_lost(self) -> bool:
        """Whether attempts were lost that nobody has forgiven."""
        return any(tries.lost for tries in self.tries.values())

    def next_due(self) -> float | None:
        """When the first postponed attempt may begin; None if none is postponed."""
        line = self._line
        while line and self.postponed.get(line[0][1]) != line[0][0]:
            heapq.heappop(line)
        return line[0][0] if line else None

    def take_due(self, now: float) -> list[str]:
        """The steps whose next attempt may begin, first due first; they are postponed no more."""
        taken: list[str] = []
        while (due := self.next_due()) is not None and due <= now:
            _, step = heapq.heappop(self._line)
            del self.postponed[step]
            taken.append(step)
        return taken

    def _postpone(self, step: str, due: float) -> None:
        self.postponed[step] = due
        heapq.heappush(self._line, (due, step))

    def lost(self, attempt: Attempt, due: float) -> None:
        """An attempt ended with neither outcome nor failure: the next one may begin then."""
        tries = self.of(attempt.step)
        tries.began, tries.number = tries.began or attempt.began, attempt.number
        self._postpone(attempt.step, due)

    def answered(self, step: str) -> None:
        """Nothing is tried again: what was known of its attempts is of no use any more."""
        self.tries.pop(step, None)
        self.postponed.pop(step, None)
        self.said.pop(step, None)

    def forget(self, step: str) -> Attempt | None:
        """The step is cancelled; returns its attempt under way, if any."""
        self.answered(step)
        return self.running.pop(step, None)
