"""Looking for work: claiming what is due, collecting messages, in time and not too often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import StoreUnavailable
from ..model import Claimed, Head, Message, Query, RunRow, State
from .desk import head_of_row

if TYPE_CHECKING:
    from .engine import Engine

CLAIM_BATCH = 200


class Sweep:
    """One engine's look at the store. Level-triggered: whatever was missed, the next one sees."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.unsure = False  # the store may say that we own runs which we do not have in memory
        self.hungry = False  # there may be more to claim than there was room for
        self._asked = 0  # how many runs the claim under way may bring
        self._sweeping = False
        self._again = False
        self._next_due: float | None = None
        self._alarm: Any = None

    def soon(self) -> None:
        """Claim what is due and collect messages, soon; asked for while one is under way: once more."""
        if self._sweeping or self._engine.stopping:
            self._again = not self._engine.stopping
            return
        self._sweeping = True
        self._asked = room = min(CLAIM_BATCH, self._engine.room)
        self._engine.expected += room
        offered = {name: function.fingerprint for name, function in list(self._engine.functions.items())}
        elsewhere = self._engine.desk.elsewhere(CLAIM_BATCH)
        runs, needed = self._engine.desk.claimable(), self._engine.desk.needed()
        now, unsure = self._engine.env.now(), self.unsure
        self.unsure = False

        def look() -> tuple[Sequence[Head], Claimed, list[Message], list[RunRow | None]]:
            claim = partial(self._engine.store.claim, self._engine.id, offered)
            extra = claim(len(needed), now, needed).heads if needed else ()
            claimed = claim(room, now, runs)
            if unsure:
                claimed, extra = Claimed(tuple(self._ours()), claimed.next_due), ()
            taken = {head.id for head in (*extra, *claimed.heads)}
            rows = [self._engine.store.load(run) for run in elsewhere if run not in taken]
            return extra, claimed, self._engine.store.collect(self._engine.id), rows

        self._engine.committer.ask(look, self._swept)

    def _swept(self, found: Any, error: BaseException | None) -> None:
        self._sweeping = False
        self._engine.expected -= self._asked
        if error is not None:
            if not isinstance(error, StoreUnavailable):
                self._engine.fail(error)  # this store will not answer later either; nobody may wait for it
            self.unsure = True  # what was claimed before the trouble is ours, unheard of
            return  # the next poll tries again
        extra, claimed, messages, rows = found
        for head in (*extra, *claimed.heads):
            self._engine.take_up(head)
        for message in messages:
            owned = self._engine.owned.get(message.run)
            if owned is not None:
                owned.deliver(message)
        for row in rows:
            self._engine.desk.looked(row, None)
        self.due(claimed.next_due)
        self.hungry = len(claimed.heads) >= self._asked
        if self._again or (self.hungry and self._engine.room):
            self._again = False
            self.soon()

    def _ours(self) -> Iterator[Head]:
        """Every run that is ours by the store's word. Rare, so a walk over all running ones will do."""
        query = Query(states=frozenset({State.RUNNING}), limit=1000)
        while rows := self._engine.store.find(query):
            yield from (head_of_row(row) for row in rows if row.owner == self._engine.id)
            query = msgspec.structs.replace(query, before=rows[-1].id)

    def due(self, when: float | None) -> None:
        """A run outside memory becomes due then: sweep in time for it, if that is before the next poll."""
        if when is None or (self._next_due is not None and self._next_due <= when):
            return
        delay = when - self._engine.env.now()
        if delay > self._engine.options.poll or not self._engine.room:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._next_due = when
        self._alarm = self._engine.reactor.call_later(max(0.0, delay), self._due_now)

    def _due_now(self) -> None:
        self._next_due = self._alarm = None
        self.soon()
