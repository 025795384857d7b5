"""The attempts at one run's steps: what is tried, what failed before, what is due again.

Counts are durable, because each failed attempt is a RETRY entry and, once the run has lost an owner, each
begun one a START or START_ALONE entry; `remember` reads them back on a replay. HANDED_BACK takes one of these
back, FORGIVEN all of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import msgspec

from .. import codec
from ..executors import Attempt
from ..machine import Step
from ..model import (
    AGAIN,
    ASKS,
    EFFECT,
    HELD,
    NOT_BEGUN,
    PERSON,
    SETTLE,
    STARTS,
    TURNS,
    Entry,
    Head,
    Kind,
    StepProgress,
    Undone,
    headers_for_attempts,
    is_undo,
    own_lineage_of,
    read_name,
)
from .former_keys import FormerKeys

LOST_ALONE_MAX = 3  # attempts at one step that ran alone and were lost with their process: its run is parked
LOSS_MAX = 300  # characters


class Tries:
    """What is known of earlier attempts at one step."""

    __slots__ = (
        "policies", "began", "lost", "lost_alone", "alone", "number", "cleared", "failure", "looks",
    )  # fmt: skip

    def __init__(self) -> None:
        self.policies: list[int] = []  # per recorded failure: the index of the policy that granted a retry
        self.began = 0.0  # when the first attempt began
        self.lost = 0  # attempts begun since the last recorded failure that never ended
        self.lost_alone = 0  # of these, such as ran alone
        self.alone = False  # whether the last attempt that is on record does, or did
        self.number = 0  # of the last attempt
        # Of a step with an effect:
        self.cleared = False  # what the attempts so far did is known, or it is done again all the same
        self.failure = b""  # its outcome, if the other side says that it has not happened
        self.looks: list[int] = []  # retries that were granted to those who ask there

    @property
    def is_uncertain(self) -> bool:
        """Whether an attempt was begun of which it is not known what it did outside."""
        return self.number > 0 and not self.cleared


class Attempts(msgspec.Struct, eq=False):
    """Book-keeping for one run in memory. A Struct, because these are many fields to make once a run."""

    _lineage: str = ""
    _headers: str | None = None  # None, until there is an attempt, as is its lineage
    tries: dict[str, Tries] = {}  # by step id; only steps that were tried before
    running: dict[str, Attempt] = {}  # by step id
    speaking: dict[Attempt, None] = {}  # of these, such as have emitted or published something
    said: dict[str, bytes] = {}  # by step id: of its progress, by earlier attempts
    postponed: dict[str, float] = {}  # by step id: when the next attempt may begin
    losses: dict[str, str] = {}  # by step id: why its last attempt had neither outcome nor failure
    doubts: dict[str, str] = {}  # by step id: why a person must say what became of it
    former_keys: FormerKeys | None = None  # of a run of Podium 0.1
    undone: Undone | None = None  # of a retry
    standing: dict[str, Entry] = {}  # by step id: of a retry, what was done before and not undone
    children: dict[str, Entry] = {}  # likewise: the runs that it has in place of its origin's
    # What is postponed in order, with what is that no more or to another time, which is skipped when it
    # comes up. Looking through all for the first would make a wide run's failures cost quadratic time.
    _line: list[tuple[float, str]] | None = None

    def remember(self, entry: Entry) -> None:
        """Take over what a recorded entry says about attempts."""
        kind = entry.kind
        if kind is Kind.RETRY:
            tries = self.of(entry.step)
            if entry.policy == PERSON:
                tries.policies.clear()
            elif entry.policy != HELD:
                tries.policies.append(entry.policy or 0)
            tries.began = tries.began or entry.began
            tries.number = max(tries.number, entry.attempt)
            tries.lost = tries.lost_alone = 0
            self.postpone(entry.step, entry.due or 0.0)
        elif kind in STARTS:
            tries = self.of(entry.step)
            tries.began = tries.began or entry.at
            tries.alone = kind is Kind.START_ALONE
            tries.lost += 1
            tries.lost_alone += tries.alone
            if entry.name != ASKS:
                tries.number, tries.cleared = max(tries.number, entry.attempt), False
            self.postponed.pop(entry.step, None)
        elif kind is Kind.HANDED_BACK:
            tries = self.of(entry.step)
            tries.lost -= 1
            tries.lost_alone -= tries.alone
            # An attempt that only asks has the next number, and was not counted in the first place.
            if entry.name == NOT_BEGUN and entry.attempt == tries.number:
                tries.number -= 1
        elif kind is Kind.FORGIVEN:
            for tries in self.tries.values():
                tries.lost = tries.lost_alone = 0
        elif kind is Kind.MESSAGE:
            self._settled(entry.name)
        elif kind is Kind.STANDS:
            self.standing[entry.step] = entry
            tries = self.of(entry.step)  # so it is looked at before an attempt
            tries.number = int(entry.name == EFFECT)  # with other arguments a person is asked
        elif kind is Kind.CHILD:
            self.children[entry.step] = entry
        elif kind is Kind.TICK:
            if entry.name:
                self.leave_standing()
        elif kind not in TURNS and kind is not Kind.SET_ASIDE:
            self.answered(entry.step)

    def _settled(self, name: str) -> None:
        kind, state, step = read_name(name)
        if kind != SETTLE:
            return
        self.answered(step)
        if state == AGAIN:
            tries = self.of(step)
            tries.cleared, tries.number = True, 1  # which is not the first: some go by that

    def leave_standing(self) -> None:
        """What was done before is no business of a fork."""
        for step in self.standing:
            self.answered(step)
        self.standing.clear()
        self.children.clear()

    def remember_progress(self, said: Iterable[StepProgress]) -> None:
        """Take over what earlier attempts have said of their progress: so they are on record as begun."""
        for each in said:
            self.said[each.step] = each.payload
            self.of(each.step).number = each.attempt

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
            tries.cleared = False
        if self._headers is None:
            self._lineage, self._headers = own_lineage_of(head), headers_for_attempts(head)
        attempt = Attempt(
            head.id, step.id, step.function, step.args, number, head.token, self._lineage, step.context,
            self._headers, head.started, step.given,
        )  # fmt: skip
        if self.former_keys is not None or self.undone is not None:
            attempt.key = self.key_of(head, step.id)
        if self.said:
            attempt.last = self.said.get(step.id, b"")
        self.running[step.id] = attempt
        return attempt

    def ask(self, head: Head, step: Step) -> Attempt:
        """An attempt at what says whether the step has happened: it is called with its key and arguments."""
        look = step.function.verify
        assert look is not None
        number = self.of(step.id).number + 1
        attempt = Attempt(
            head.id, step.id, look, b"", number, head.token, own_lineage_of(head), step.context,
            headers_for_attempts(head), head.started,
        )  # fmt: skip
        attempt.asks = True
        attempt.key = self.key_of(head, step.id)
        args, kwargs = step.function.spread(codec.decode(step.args))
        args = (attempt.idempotency_key, *args)
        attempt.args, _ = look.encode(look.bind(args, kwargs), len(args))
        self.running[step.id] = attempt
        return attempt

    def key_of(self, head: Head, step: str) -> str:
        """The idempotency key of a step."""
        key = f"{own_lineage_of(head)}:{step}" if self.former_keys is None else self.former_keys[step]
        return key if self.undone is None else key + self.undone.suffix(step, is_undo(step))

    def have_effects(self, steps: Iterable[Step]) -> bool:
        """Whether any of these may have had an effect outside."""
        return any(step.is_effect and step.id in self.tries for step in steps)

    @property
    def have_lost(self) -> bool:
        """Whether attempts were lost that nobody has forgiven."""
        return bool(self.tries) and any(tries.lost for tries in self.tries.values())

    def next_due(self) -> float | None:
        """When the first postponed attempt may begin; None if none is postponed."""
        line = self._line
        while line and self.postponed.get(line[0][1]) != line[0][0]:
            heapq.heappop(line)
        return line[0][0] if line else None

    def take_due(self, now: float) -> list[str]:
        """The steps whose next attempt may begin, first due first; they are postponed no more."""
        taken: list[str] = []
        while self._line and (due := self.next_due()) is not None and due <= now:
            _, step = heapq.heappop(self._line)
            del self.postponed[step]
            taken.append(step)
        return taken

    def postpone(self, step: str, due: float) -> None:
        """The next attempt may begin then."""
        self.postponed[step] = due
        if self._line is None:
            self._line = []
        heapq.heappush(self._line, (due, step))

    def lost(self, attempt: Attempt, due: float, error: BaseException | None = None) -> None:
        """An attempt ended with neither outcome nor failure: the next one may begin then. `error`: why."""
        if error is not None:
            self.losses[attempt.step] = str(error)[:LOSS_MAX]
        tries = self.of(attempt.step)
        tries.began, tries.number = tries.began or attempt.began, attempt.number
        self.postpone(attempt.step, due)

    def answered(self, step: str) -> None:
        """Nothing is tried again: what was known of its attempts is of no use any more."""
        self.tries.pop(step, None)
        self.losses.pop(step, None)
        self.postponed.pop(step, None)
        self.said.pop(step, None)

    def forget(self, step: str) -> Attempt | None:
        """The step is cancelled; returns its attempt under way, if any."""
        self.answered(step)
        return self.running.pop(step, None)
