"""Looking for work: claiming what is due, collecting messages, in time and not too often."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from ..errors import StoreUnavailable
from ..executors import Attempt
from ..functions import Function
from ..model import (
    ALERT,
    CANCEL,
    OUTCOME,
    WAITS_MAX,
    Claimed,
    Head,
    Message,
    Query,
    RunRow,
    RunStatus,
    State,
    TaskSlots,
    head_of_row,
)
from .awaited import AwaitedRuns
from .calling_off import were_at_rest
from .context import Context
from .free_slots import FreeSlots
from .residents import Residents
from .signalled import Signalled
from .watchers import Watchers

CLAIM_BATCH = 200
PAGE = 1000  # rows of one look


class _Seen(NamedTuple):
    """What one look between two commits has found."""

    heads: Sequence[Head]  # to adopt
    claimed: Claimed
    messages: list[Message] | None  # None: not looked for yet
    elsewhere: Sequence[str]  # runs that are waited for and were not in memory ...
    statuses: dict[str, RunStatus]  # ... and how they stand
    families: Sequence[str]  # what those of them wait for that no engine has in memory
    at_rest: Collection[str]  # of those to adopt: were parked as they were asked to stop, see `calling_off`


class Claimer:
    """One engine's look at the store. Level-triggered: whatever was missed, the next look sees.

    `adopt` brings a claimed run into memory.
    """

    def __init__(
        self,
        context: Context,
        residents: Residents,
        watchers: Watchers,
        awaited: AwaitedRuns,
        adopt: Callable[[Head], None],
    ) -> None:
        self._context, self._residents, self._watchers = context, residents, watchers
        self._awaited, self._adopt = awaited, adopt
        self._free_slots = FreeSlots(context.options, residents.owned)
        self.has_work = False  # after the last look there was more to claim
        self.saturated = False  # there may be more to claim than there was room for
        self._reserved = 0  # how many runs the claim under way may bring
        self._is_claiming = False
        self._again = False
        self._signalled = Signalled(residents.owned)
        self._to_look_at: dict[str, None] = {}  # runs whose end is asked for
        self._is_looking = False
        self._next_due: float | None = None
        self._alarm: Any = None
        self._functions: list[Function] = []  # as `_offer` saw them last
        self._offered: dict[str, str] = {}
        self._projects: dict[str, str] = {}
        self._families_at = 0.0  # when to look next at what watched runs wait for

    def soon(self) -> None:
        """Claim what is due and collect messages, soon; asked for while one is under way: once more."""
        context = self._context
        stopping = context.lifecycle.stopping  # then it takes only what was asked to stop
        is_over = stopping and not context.lifecycle.asked
        if self._is_claiming or is_over:
            self._again = not is_over
            return
        self._is_claiming = True
        self._reserved = room = min(CLAIM_BATCH, self._residents.room) if self._takes else 0
        self._residents.reserved += room
        offered, projects = self._offer()
        slots = self._free_slots.look(context.functions, self._awaited.waiters)
        elsewhere = self._watchers.take_unowned(CLAIM_BATCH)
        runs, needed = self._claimable(), [] if stopping else self._awaited.needed()
        with_families = runs is not None and not stopping and self._is_time_for_families()
        now, reconcile, seen = context.env.now(), self._residents.must_reconcile, self._signalled.seen()
        self._residents.must_reconcile = False

        def look() -> _Seen:
            alerts = [] if runs is None or stopping or ALERT not in offered else self._alerts(now)
            wanted = runs if runs is None else [*runs, *alerts]
            claim = partial(
                context.store.claim, context.engine, offered, projects=projects,
                queues=context.options.queues,
            )  # fmt: skip
            extra = claim(len(needed), now, needed, tasks=TaskSlots(slots.executors)).heads if needed else ()
            claimed = claim(room, now, wanted, tasks=slots)
            if reconcile:
                claimed, extra = Claimed(tuple(self._ours()), claimed.next_due), ()
            heads = [*extra, *claimed.heads]
            taken = {head.id for head in heads}
            others = [run for run in elsewhere if run not in taken]
            statuses = context.store.statuses(others) if others else {}
            ours = [status.id for status in statuses.values() if status.owner == context.engine]
            heads += map(head_of_row, context.store.load_many(ours).values()) if ours else ()
            families = self._families(statuses.values()) if with_families else ()
            # Runs that were never sent anything need not wait for what others were, where looks take time.
            are_new = bool(heads) and not any(head.messages for head in heads)
            if are_new and not context.store.near:
                messages = None
            else:  # of what has just come in nothing has been seen, whatever it had before in this engine
                come_in = {head.id for head in heads}
                beside = {run: n for run, n in seen.items() if run not in come_in}
                messages = context.store.collect(context.engine, beside)
            at_rest = were_at_rest(context.store, heads, messages or ())
            return _Seen(heads, claimed, messages, others, statuses, families, at_rest)

        context.committer.ask(look, self._claimed)

    def _offer(self) -> tuple[dict[str, str], dict[str, str]]:
        """The fingerprint, and where it has one the project, of each function that is declared by now."""
        functions = list(self._context.functions.values())
        if functions != self._functions:  # a comparison by identity, which a thousand of them hardly cost
            self._functions = functions
            self._offered = {each.name: each.fingerprint for each in functions}
            projects = {each.name: self._context.project_of(each) for each in functions}
            self._projects = {name: project for name, project in projects.items() if project}
        return self._offered, self._projects

    @property
    def _takes(self) -> bool:
        """Whether it takes anything new."""
        return not self._context.lifecycle.paused and self._context.others != "watch"

    def _claimable(self) -> list[str] | None:
        """The runs that this engine may claim, where it leaves all others alone; None: any."""
        if self._context.others != "leave":
            return None
        lifecycle = self._context.lifecycle
        return [run for run in self._watchers.not_owned() if not lifecycle.holds(run)]

    def _is_time_for_families(self) -> bool:
        """Once in a poll: there may be thousands of watched runs that sleep."""
        now = self._context.env.monotonic()
        if now < self._families_at:
            return False
        self._families_at = now + self._context.options.poll
        return True

    def _families(self, statuses: Iterable[RunStatus]) -> list[str]:
        """The runs that these wait for, where no engine has them in memory: who else would claim these?"""
        return [
            wait.target
            for status in statuses
            if status.state is State.WAITING and status.owner is None
            for wait in self._context.store.open_waits(status.id, OUTCOME, WAITS_MAX)
        ]

    def _alerts(self, now: float) -> list[str]:
        """Alerts that are due: anybody's, or those of scripts that have ended would be told by nobody."""
        query = Query(function=ALERT, states=frozenset({State.QUEUED, State.WAITING}))
        return [row.id for row in self._all(query) if row.due is not None and row.due <= now]

    def _claimed(self, found: _Seen, error: BaseException | None) -> None:
        self._is_claiming = False
        self._residents.reserved -= self._reserved
        if error is not None:
            self._collected((), error)
            return  # the next poll tries again
        messages = found.messages or ()
        if found.messages is None:
            self._context.committer.ask(
                partial(self._context.store.collect, self._context.engine, self._signalled.seen()),
                self._collected,
            )
        called_off = {message.run: message for message in messages if message.kind == CANCEL}
        for head in found.heads:
            cancel = called_off.get(head.id)
            if cancel is None or not self._residents.call_off(head, cancel, head.id in found.at_rest):
                self._adopt(head)
        self._collected(messages, None)
        for head in found.heads:
            if owned := self._residents.owned.get(head.id):
                owned.inbox.looked(head.messages)
        for run in found.elsewhere:
            if run not in self._residents.owned:
                _stands(self._context, self._watchers, run, found.statuses.get(run))
        for run in found.families:
            self._again |= self._watchers.add(run)
        self.due(found.claimed.next_due)
        next_due = found.claimed.next_due
        self.has_work = next_due is not None and next_due <= self._context.env.now()
        self.saturated = len(found.claimed.heads) >= self._reserved
        if self._again or (self.saturated and self._takes and self._residents.room):
            self._again = False
            self.soon()

    def _collected(self, messages: Sequence[Message], error: BaseException | None) -> None:
        if error is None:
            for message in messages:
                self._residents.deliver(message)
            self._signalled.note(messages)
            return
        if not isinstance(error, StoreUnavailable):
            # This store will not answer later either, and nobody may wait for it.
            self._context.lifecycle.fail(error)
        self._residents.must_reconcile = True  # what was claimed before the trouble is ours, unheard of

    def awaited(self, attempt: Attempt, runs: Sequence[str], begins: bool) -> None:
        """A task that runs here begins to wait for these runs, or does no more."""
        if self._awaited.change(attempt, runs, begins):
            self.soon()

    def attend(self, run: str, begins: bool = True) -> None:
        """A caller in this process begins to attend a run, which nobody else claims, or does no more."""
        if begins:
            self._awaited.attended.add(run)
            self.soon()
        else:
            self._awaited.attended.discard(run)

    def _ours(self) -> Iterator[Head]:
        """Every run that is ours by the store's word. Rare, so a walk over all running ones will do."""
        rows = self._all(Query(states=frozenset({State.RUNNING})))
        return (head_of_row(row) for row in rows if row.owner == self._context.engine)

    def _all(self, query: Query) -> Iterator[RunRow]:
        """All that match, page by page."""
        query = msgspec.structs.replace(query, limit=PAGE)
        while rows := self._context.store.find(query):
            yield from rows
            if len(rows) < PAGE:
                return
            query = msgspec.structs.replace(query, before=rows[-1].place)

    def look(self, run: str) -> None:
        """See how a run comes out that is not in memory: tell its watchers, or adopt it if it is ours."""
        self._to_look_at[run] = None
        self._next_look()

    def _next_look(self) -> None:
        """What is asked for while a look is under way is looked at together."""
        if self._is_looking or not self._to_look_at:
            return
        self._is_looking = True
        runs = list(islice(self._to_look_at, CLAIM_BATCH))
        for run in runs:
            del self._to_look_at[run]
        self._context.reader.do(lambda: self._context.store.statuses(runs), partial(self._looked, runs))

    def _looked(
        self, runs: Sequence[str], statuses: dict[str, RunStatus] | None, error: BaseException | None
    ) -> None:
        """No commit has waited for this look, so it may be older than what we have done to a run since."""
        self._is_looking = False
        self._next_look()
        if statuses is None or error is not None:
            self._residents.must_reconcile = True
            return
        away = [run for run in runs if run not in self._residents.owned]
        for run in away:
            _stands(self._context, self._watchers, run, statuses.get(run))
        if any(run in statuses and statuses[run].owner == self._context.engine for run in away):
            self._residents.must_reconcile = True
            self.soon()  # which looks again, in line with the commits

    def due(self, when: float | None) -> None:
        """A run outside memory becomes due then: look in time for it, if that is before the next poll."""
        if when is None or (self._next_due is not None and self._next_due <= when):
            return
        delay = when - self._context.env.now()
        if delay > self._context.options.poll or not self._residents.room or not self._takes:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._next_due = when
        self._alarm = self._context.reactor.call_later(max(0.0, delay), self._due_now)

    def _due_now(self) -> None:
        self._next_due = self._alarm = None
        self.soon()

    def has_room(self) -> None:
        """A run has left memory. Claims wait till a tenth of `runs_max` is free: one for each run that leaves
        would be a commit for each."""
        if self.saturated and self._takes and self._residents.room * 10 >= self._context.options.runs_max:
            self.soon()


def _stands(context: Context, watchers: Watchers, run: str, status: RunStatus | None) -> None:
    """A look has found how a run that is not in memory stands."""
    if status is None or status.state.is_settled or status.owner not in (None, context.engine):
        context.lifecycle.asked.discard(run)
    watchers.looked(run, status)
