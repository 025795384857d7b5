"""One run as its durable history tells it, and what that history allows.

The heart is a machine of our own that is fed each entry when it has become durable. What it has asked for
is what task bodies may run; what it ends with is what the run may end with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import msgspec

from .. import codec
from ..functions import Function
from ..machine import Finish, Machine
from ..model import (
    CANCEL,
    COPY_BEGAN,
    FED,
    FINAL,
    HELD,
    STARTS,
    Entry,
    Kind,
    RunRow,
    State,
    clock_of,
    head_of_row,
    lineage_of,
    may_move,
    read_reason,
    taken_from,
)
from .executor import Invocation

# The reasons to park that belong to these worlds: a step lost with its process, one that a person settles, a
# person's pause.
LOST = frozenset({"E207", "E216", "E217"})
ANSWERS = (Kind.RESULT, Kind.ERROR)
OUR_ERRORS = "podium.errors:"

_STAMP = re.compile(r"#(\d+)")

Check = Callable[[str, bool, str], None]  # (promise, whether it holds, what does not)


class Violation(AssertionError):
    """A promise did not hold."""


class View(msgspec.Struct):
    """What an owner could know: the state of the history when it lost the run, or now."""

    asked: set[str]
    answered: set[str]
    retries: Counter[str]
    held: Counter[str]  # those of them that a task has asked for by RetryAfter, which are no failures
    suspects: set[str]  # steps that were open when the owner took the run, after it had lost others


class Past:
    """Everything about one run that became durable."""

    def __init__(self, check: Check, row: RunRow, function: Function, is_users: bool = False) -> None:
        self._report, self.function, self._is_users = check, function, is_users
        self.row = row
        self.entries: list[Entry] = []
        self._kept_after = 0  # what came before is two generations old
        self.expected_entries: int | None = None  # what an accepted write makes of the length
        self.recorded_under: dict[str, int] = {}  # by step: the token of the write with its result
        self.messages: set[str] = set()
        self.parked: set[bytes] = set()  # why it was, each time
        self._parked_at = -1  # with how many entries it was parked last, and asked to stop or resumed since
        self.evicted = False  # its last owner let it go because it only waited
        self._now = View(set(), set(), Counter(), Counter(), set())
        self._before: dict[int, View] = {}  # by token, of former owners
        self._starts: set[tuple[str, int]] = set()
        self._invocations: dict[tuple[str, int], list[int]] = {}  # by step and token: attempt numbers
        self._losses: Counter[tuple[str, int]] = (
            Counter()
        )  # by the same: those that had no outcome of their own
        self._stamps: dict[int, Invocation] = {}
        self.machine: Machine | None = None

    @property
    def length(self) -> int:
        return len(self.entries)

    @property
    def retries_granted(self) -> int:
        return self._now.retries.total()

    @property
    def told(self) -> str:
        row = self.row
        return f"run {row.id} ({row.state}, token {row.token}, owner {row.owner}, {row.entries} entries)"

    def _check(self, promise: str, holds: bool, what: str) -> None:
        self._report(promise, holds, f"{what}, {self.told}")

    # -- the row --------------------------------------------------------------------------------------

    def moved_to(self, row: RunRow, by_write: bool) -> None:
        """The row as it is now."""
        old, self.row = self.row, row
        if old is row or old == row:
            return
        if row.state is State.PARKED:
            self.parked.add(row.payload)
            self._parked_at = row.entries
        final = old.state in FINAL
        same = msgspec.structs.replace(row, inbox=old.inbox) == old
        self._check("P6 a final state never changes", not final or same, f"it was {old.state}")
        legal = old.state is row.state or may_move(old.state, row.state)
        self._check("P6 states move along the table", legal, f"it was {old.state}")
        self._check("P4 tokens never go back", row.token >= old.token, f"the token was {old.token}")
        if row.generation != old.generation:
            self._begin_anew(old)
        call = (row.function, row.digest, row.created)
        same_args = row.args == old.args or row.generation > old.generation
        same = same_args and call == (old.function, old.digest, old.created)
        self._check("P1 one id is one run", same, "other call")
        if old.owner != row.owner:
            given_up = row.owner is None and by_write
            grows = given_up or row.token > old.token
            self._check("P4 the token grows with each change of owner", grows, f"it was {old.owner}'s")
            self.evicted = self.evicted and (given_up or row.owner is not None)
        if old.token != row.token:
            now = self._now
            self._before[old.token] = View(
                set(now.asked), set(now.answered), now.retries.copy(), now.held.copy(), now.suspects
            )
            now.suspects = set(self.machine.open) if self.machine is not None and row.lost else set()
        if row.state is State.PARKED and not self._is_users:
            reason = read_reason(row.payload)
            self._check("P7 parked only for a reason of the user's", reason.code in LOST, f"{reason}")

    def _begin_anew(self, old: RunRow) -> None:
        """The body has ended its generation with the next one's arguments."""
        row, ended = self.row, self.machine and self.machine.finished
        self._check("P6 generations count upwards", row.generation == old.generation + 1, f"{old.generation}")
        asked_for = ended is not None and ended.state is State.WAITING and ended.payload == row.args
        self._check("P2 a generation begins as its body asked", asked_for, f"a replay ends in {ended}")
        self._check("P2 a generation begins behind its past", row.base == self.length, f"at {row.base}")
        self._kept_after = old.base
        self.discard()
        self.machine = None
        self._now = View(set(), set(), Counter(), Counter(), set())
        self._starts.clear()
        self.recorded_under.clear()

    # -- the history ----------------------------------------------------------------------------------

    def extend(self, entries: list[Entry]) -> None:
        """Entries that have become durable."""
        for entry in entries:
            self._check("P2 the history has no gap", entry.seq == self.length + 1, f"entry {entry.seq}")
            self.entries.append(entry)
            self._taken(entry)

    def settle(self) -> None:
        """After the entries of a transaction: feed the machine, see that it ends as the row says."""
        row = self.row
        if self.expected_entries is not None:
            whole = row.entries == self.expected_entries == self.length
            self._check(
                "P4 a refused write changes nothing", whole, f"{self.expected_entries} entries were due"
            )
            self.expected_entries = None
        if self.machine is None and row.started is not None:
            head = head_of_row(row)
            self.machine = Machine(row.id, self.function, row.args, clock_of(head), lineage_of(head))
            self.machine.headers = head.context
            self.machine.replaying = row.copied > 0  # as an engine has it: until its own past begins
            self.machine.begin()
            self._asked()
            for entry in self.entries[row.base :]:
                self._feed(entry)
        machine = self.machine
        if row.state in FINAL and machine is not None:
            end = machine.finished
            same = end is not None and end.state is row.state and _alike(end, row)
            same = same or (row.state is State.CANCELLED and self._was_called_off())
            self._check(
                "P2 the end is what the history leads to", same, f"a replay ends in {end and end.state}"
            )

    def _was_called_off(self) -> bool:
        """Whether it was asked to stop before its body had a turn, or as it was parked."""
        last = self.entries[-1] if self.entries else None
        never_hears = (self.length == 1 and self.row.token <= 1) or self.length == self._parked_at + 1
        return never_hears and last is not None and last.kind is Kind.MESSAGE and last.name.startswith(CANCEL)

    def _taken(self, entry: Entry) -> None:
        step, now = entry.step, self._now
        if entry.kind in ANSWERS:
            self._check("P2 one outcome per step", step not in now.answered, f"{step} has a second one")
            now.answered.add(step)
        if entry.kind in (Kind.ERROR, Kind.RETRY):
            failure = codec.describe_failure(entry.payload)
            ours = failure.type.startswith(OUR_ERRORS)
            self._check("P8 our trouble is nobody's outcome", not ours, f"{step} failed with {failure.type}")
        if entry.kind is Kind.RETRY:
            now.retries[step] += 1
            now.held[step] += entry.policy == HELD
        elif entry.kind in STARTS:
            self._starts.add((step, entry.attempt))
        elif entry.kind is Kind.MESSAGE:
            if entry.seq > self.row.copied:  # else it lay in another inbox
                self._check("P1 a message arrives once", step not in self.messages, f"message {step}")
                self.messages.add(step)
        elif entry.kind is Kind.RESULT and entry.attempt:
            self._check_stamp(entry)
        if self.machine is not None:
            self._feed(entry)

    def _check_stamp(self, entry: Entry) -> None:
        """A result was made by a body of this very step, under the ownership that recorded it; or, of a copy,
        in its origin, whose past was checked."""
        if entry.seq <= self.row.copied or self._is_users or taken_from(entry.name) is not None:
            return  # made elsewhere
        stamp = stamp_of(codec.decode(entry.payload))
        made = self._stamps.get(stamp)
        fits = (
            made is not None and made.step == entry.step and made.token == self.recorded_under.get(entry.step)
        )
        self._check(
            "P4 only the owner's outcome is recorded", fits, f"{entry.step} has the outcome of {made}"
        )

    def _feed(self, entry: Entry) -> None:
        assert self.machine is not None
        if entry.kind not in FED:
            return
        try:
            self.machine.feed(entry)
        except BaseException as error:
            raise Violation(f"P2 a history can be replayed: {error!r} at {entry}, {self.told}") from error
        if entry.step == COPY_BEGAN and entry.seq > self.row.copied:
            self.machine.fan_outs.clear()
            self.machine.replaying = False
        self._asked()

    def _asked(self) -> None:
        assert self.machine is not None
        self.machine.take()
        self.machine.sent.clear()
        self._now.asked.update(self.machine.open)
        for step in self.machine.open.values():
            policy = step.function.retry
            allowed = policy.times if policy is not None else 0
            failed = self._now.retries[step.id] - self._now.held[step.id]
            self._check("P3 retries within their number", failed <= allowed, step.id)

    # -- task bodies ----------------------------------------------------------------------------------

    def invoked(self, invocation: Invocation) -> None:
        """A body begins: does what its owner could know allow that?"""
        self._stamps[invocation.stamp] = invocation
        step, token, number = invocation.step, invocation.token, invocation.attempt
        view = self._now if token == self.row.token else self._before.get(token)
        if view is None:
            raise Violation(f"P4 only an owner runs bodies: {invocation}, {self.told}")
        self._check(
            "P1 bodies rest on what is recorded", step in view.asked, f"{invocation} was not asked for"
        )
        self._check("P2 a recorded step never runs again", step not in view.answered, f"{invocation}")
        if invocation.asks:
            self._check("P3 who asks is on record", (step, number) in self._starts, f"{invocation}")
            return
        numbers = self._invocations.setdefault((step, token), [])
        rising = all(number > before for before in numbers)
        self._check("P3 attempts count upwards", rising, f"{invocation} after {numbers}")
        numbers.append(number)
        allowed = 1 + view.retries[step] + self._losses[step, token]
        self._check("P3 attempts within their number", len(numbers) <= allowed, f"{invocation}, {numbers}")
        if step in view.suspects:
            begun = (step, number) in self._starts
            self._check("P3 a start on record after a loss", begun, f"{invocation}")

    def lost(self, step: str, token: int) -> None:
        """An attempt came to nothing by what befell its process: it is made again, whatever its retries."""
        self._losses[step, token] += 1

    # -- at the end -----------------------------------------------------------------------------------

    def same_as(self, entries: list[Entry]) -> bool:
        """Whether a later reading is what was read when each entry became durable."""
        return entries == self.entries[self._kept_after :]

    def discard(self) -> None:
        """Drop the machine."""
        if self.machine is not None:
            self.machine.discard()


def _alike(end: Finish, row: RunRow) -> bool:
    """Whether two ends say the same; tracebacks of one failure may differ."""
    if row.state is not State.FAILED:
        return end.payload == row.payload
    ours, theirs = codec.describe_failure(end.payload), codec.describe_failure(row.payload)
    return (ours.type, ours.message) == (theirs.type, theirs.message)


def stamp_of(value: object) -> int:
    """The stamp that a simulated body put into its result, "label#stamp": the last one in it."""
    return int(_STAMP.findall(str(value))[-1])
