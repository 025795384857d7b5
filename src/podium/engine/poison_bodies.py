"""Poison bodies: a run that lost owner after owner may have a body that kills the process which drives it.

Steps are guarded by `poison_steps`, but a body that crashes in its own turn (in C, by `os._exit`, for want of
memory) dies before anything of it is on record, and would take down one process after the other for ever.
So a run that has lost a few owners is taken up on record: one entry before its turn, a second one that it
was survived, before any of its steps begins. Some first entries in a row, with nothing between them, are as
many processes that died in this very turn: then the run is parked.

One at a time, those with most such losses first: a step of another run may kill the process just then, and
would hit whoever comes right after it again and again. Who was hit goes first next time, before any of the
others is there, and clears itself.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from ..errors import StoreError
from ..model import Entry, Fence, Head, Kind, Outcome, State, Verdict, Write
from .alerts import alerts_of_end
from .context import Context
from .reasons import parking, poisoned_body
from .residents import Residents
from .sources import OneWrite
from .watchers import End, Watchers

OWNERS_LOST = 3  # owners lost before a run is taken up on record
TURNS_LOST_MAX = 5  # processes that died in the turn of this body: the run is parked
_RUNNING = frozenset({State.RUNNING})


class Adopter:
    """Brings runs that are ours into memory: at once, or, after many losses, on record and one by one."""

    def __init__(self, context: Context, residents: Residents, watchers: Watchers) -> None:
        self._context, self._residents, self._watchers = context, residents, watchers
        self._known: set[str] = set()  # whoever waits here, or is being taken up
        self._came: list[Head] = []  # whose losses are not counted yet
        self._line: list[tuple[int, int, Head, float]] = []  # a heap: most losses first; last entry's time
        self._order = itertools.count()
        self._busy = False

    def adopt(self, head: Head) -> None:
        """Drive a run that the store says is ours, unless it is in memory already."""
        context, lifecycle = self._context, self._context.lifecycle
        if (
            head.function not in context.functions
            or head.id in self._residents.owned
            or lifecycle.failure is not None
            or lifecycle.holds(head.id)
        ):
            return  # what a stopping engine owns is handed back when it retires
        if head.lost < OWNERS_LOST:
            self._residents.bring_in(head)
        elif head.id not in self._known:
            self._known.add(head.id)
            self._residents.reserved += 1
            self._came.append(head)
            self._next()

    def _forget(self, head: Head) -> None:
        self._known.discard(head.id)
        self._residents.reserved -= 1

    def _next(self) -> None:
        if self._busy or not self._context.lifecycle.is_open:
            return
        if self._came:
            self._busy = True
            came, self._came = self._came, []

            def look() -> list[list[Entry]]:
                return [self._tail(head) for head in came]

            self._context.committer.ask(look, partial(self._seen, came))
        elif self._line:
            self._busy = True
            self._put_on_record(*heapq.heappop(self._line))

    def _tail(self, head: Head) -> list[Entry]:
        return self._context.store.history(
            head.id, max(head.base, head.entries - TURNS_LOST_MAX), TURNS_LOST_MAX
        )

    def _seen(self, came: list[Head], tails: Sequence[list[Entry]], error: BaseException | None) -> None:
        if error is not None:
            if not isinstance(error, StoreError):
                self._context.lifecycle.fail(error)
            self._residents.must_reconcile = True  # the next claim finds that they are ours, and asks again
            for head in came:
                self._forget(head)
        else:
            for head, tail in zip(came, tails, strict=True):
                losses = sum(1 for _ in itertools.takewhile(_is_first, reversed(tail)))
                last = tail[-1].at if tail else head.started
                heapq.heappush(self._line, (-losses, next(self._order), head, last))
        self._busy = False
        self._next()

    def _put_on_record(self, losses: int, _: int, head: Head, last: float) -> None:
        fence = Fence(head.id, head.token, _RUNNING)
        if -losses >= TURNS_LOST_MAX:
            reason = poisoned_body(self._context.functions[head.function])
            move = parking(reason, self._context.env.now(), head.fingerprint)

            def parked() -> None:
                self._watchers.ended(head, End(State.PARKED, move.payload))
                self._taken(head)

            self._write(head, Write(fence, move, new_runs=alerts_of_end(self._context, head, move)), parked)
        else:
            at = max(self._context.env.now(), last)
            first = Entry(head.entries + 1, Kind.TURN_BEGAN, at)
            self._write(head, Write(fence, entries=(first,)), lambda: self._adopt_on_record(head, at))

    def _write(self, head: Head, write: Write, then: Callable[[], None]) -> None:
        def answered(verdict: Verdict) -> None:
            if verdict.outcome is Outcome.DONE:
                then()
            else:  # somebody else's by now, most likely; the next claim finds out
                self._residents.must_reconcile = True
                self._taken(head)

        # An engine that stops adopts nothing any more, and must not put on record that it was about to.
        self._context.committer.touch(OneWrite(write, answered, lambda: self._context.lifecycle.is_open))

    def _adopt_on_record(self, head: Head, at: float) -> None:
        first = msgspec.structs.replace(head, entries=head.entries + 1)
        self._residents.bring_in(first, on_record=True, then=partial(self._replayed, first, at))

    def _replayed(self, first: Head, at: float, is_in: bool) -> None:
        if not is_in:
            # It has not had its turn (we stop, or its history cannot be read just now): that is no loss.
            taken_back = Entry(first.entries + 1, Kind.TURN_SURVIVED, at)
            write = Write(Fence(first.id, first.token, _RUNNING), entries=(taken_back,))
            self._context.committer.touch(OneWrite(write, lambda _: None))
        self._taken(first)

    def _taken(self, head: Head) -> None:
        """It has had its turn: the next one, please."""
        self._forget(head)
        self._busy = False
        self._next()


def _is_first(entry: Entry) -> bool:
    return entry.kind is Kind.TURN_BEGAN
