"""A retry of a run together with the runs that it has started: those of them that failed are retried in it.

A retry is planned before anything is stored, down to the last descendant: what the retry of a child copies
lies beside the copied past of its parent (`Kind.CHILD`), and that run starts when the parent's body asks for
it. So a body that takes another way this time starts none that it does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future

from msgspec.structs import replace

from ..engine import End
from ..errors import WrongState
from ..inspect import Records, last_retry, retries_with
from ..model import (
    CANCEL,
    RETRIABLE,
    Entry,
    Kind,
    NewRun,
    RunRow,
    State,
    id_of_retry,
    origin_of_plan,
    planned,
)
from ..store import Store
from .end_watcher import settle
from .loop_wakeup import in_event_loop
from .session import Session
from .steering import Past, past_of, retrying
from .undone import answers_left, children_left, is_from_canceller

SETTLE_SECONDS = 5.0  # that retries wait for what their origins have asked to stop
Settle = Callable[[RunRow], RunRow]  # waits until a run that was asked to stop has ended


class Family:
    """Plans the retries of runs in one store. `settle` may block."""

    def __init__(self, store: Store, records: Records, now: float, settle: Settle) -> None:
        self._store, self._records, self._now, self._settle = store, records, now, settle

    def retry(self, row: RunRow) -> NewRun:
        """The retry of a run, with those of its descendants.

        Raises WrongState for a run that has not failed, and where a child of it that was asked to stop goes
        on.
        """
        past = past_of(row, self._records.history(row.id))
        new = retrying(row, past, self._now)
        first = (new.copy_from[1] if new.copy_from else 0) + len(new.entries) + 1
        given = answers_left(past.own, past.keep, past.undone, self._store.inbox(row.id), self._now)
        known = (*given, *self._children(row, past))
        return replace(
            new,
            entries=(*new.entries, *(replace(entry, seq=n) for n, entry in enumerate(known, first))),
        )

    def _children(self, row: RunRow, past: Past) -> Iterable[Entry]:
        """What the retry is to know of the runs that this one has started, and has no result of."""
        left = children_left(past.own, past.keep, past.undone)
        found = self._store.load_many([entry.name for entry in left.values()])
        for step, entry in left.items():
            child = found.get(entry.name)
            if child is None and entry.kind is Kind.CHILD:  # it was planned, and did not start
                origin = origin_of_plan(entry.payload)
                if not origin:
                    yield entry
                else:  # planned anew: what it was to copy, or a child of that, may have been pruned since
                    child = self._store.load(origin)
            if child is None:
                continue
            if past.has_undone(step) and child.state is State.SUCCEEDED:
                again = NewRun(id_of_retry(child.id), "", b"", child.digest, self._now)
                again = replace(again, context=child.context, tags=child.tags)
                yield self._child(step, again.id, child.digest, planned(again))
            else:
                yield self._of(step, child, row)

    def _of(self, step: str, child: RunRow, parent: RunRow) -> Entry:
        if not child.state.is_final and self._is_asked_to_stop(child, parent):
            child = self._settle(child)
        child = last_retry(self._store, child)
        if child.state not in RETRIABLE:
            return self._child(step, child.id, child.digest)
        new = self.retry(child)
        return self._child(step, new.id, new.digest, planned(new))

    def _is_asked_to_stop(self, child: RunRow, parent: RunRow) -> bool:
        """Whether it has not taken notice yet, or has, and cleans up."""
        if child.parent != parent.id:
            return False
        return any(each.kind == CANCEL for each in self._store.inbox(child.id)) or any(
            map(is_from_canceller, self._records.history(child.id))
        )

    def _child(self, step: str, id: str, digest: bytes, plan: bytes = b"") -> Entry:
        return Entry(0, Kind.CHILD, self._now, step, digest, plan, name=id)


def require_on_its_own(store: Store, row: RunRow) -> None:
    """Raise WrongState where a failed run is retried by its parent's retry, or was retried before."""
    later = store.load(id_of_retry(row.id))
    if later is not None and later.state.is_final:
        raise WrongState(
            f"run {row.id} was retried before, as {later.id}, which is {later.state}",
            fix=f"podium retry {later.id}" if later.state in RETRIABLE else f"podium show {later.id}",
        )
    other = retries_with(store, row) if later is None and row.state in RETRIABLE else None
    if other is not None:
        is_over = other.state in RETRIABLE
        raise WrongState(
            f"run {row.id} is retried with run {other.id}, which has started it and is {other.state}",
            fix=f"podium retry {other.id}" if is_over else f"podium show {other.id}",
        )


class StopWait:
    """Waits for runs that were asked to stop: `SETTLE_SECONDS` in all, of however many retries. In an event
    loop, which may be the one that ends them, it does not wait."""

    def __init__(self, session: Session) -> None:
        self._session, self._left = session, SETTLE_SECONDS

    def stopped(self, child: RunRow) -> RunRow:
        """The run as it has ended. Raises WrongState where it has not by then."""
        if not in_event_loop():
            self._wait(child.id)
        row = self._session.store.load(child.id) or child
        if not row.state.is_final:
            raise WrongState(
                f"run {row.id}, a child of run {row.parent}, was asked to stop and is still {row.state}",
                fix=f"podium why {row.id}  says what holds it up; podium terminate {row.id}",
            )
        return row

    def _wait(self, run: str) -> None:
        env = self._session.profile.env
        end: Future[End] = Future()
        begun = env.monotonic()
        take_back = self._session.watch(run, settle(end))
        try:
            end.result(self._left)
        except TimeoutError:
            take_back()
        self._left = max(0.0, self._left - (env.monotonic() - begun))
