"""`Decisions`: what a person decides about a run, carried out. What may be decided says `steering`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from msgspec.structs import replace

from ..engine import DryReplay, cancels_of, in_line
from ..errors import UsageError
from ..functions import Function, registry
from ..inspect import Records, is_workflow, offered, starter_under
from ..model import (
    CANCEL,
    PAUSE,
    SETTLE,
    WAITS_MAX,
    AuditRow,
    EngineRow,
    Entry,
    Kind,
    Message,
    NewRun,
    RunRow,
    Verdict,
    Write,
    label_of,
    read_reason,
)
from . import forking, owners, steering
from .end_watcher import settle
from .families import Family, StopWait, require_on_its_own
from .operators import Operator
from .session import Session
from .settling import Settlement
from .start_options import NO_VALUE
from .starting import Started, chunks
from .starts import Starts
from .steering import Cancelled
from .waiting import known, mapped
from .writing import first_not_refused, is_refused


def _ignore(_: object) -> None:
    """For those who need not know what came of it."""


class Decisions:
    """Each raises RunNotFound, and WrongState where the run's state does not allow it."""

    def __init__(self, session: Session, records: Records, starts: Starts) -> None:
        self._session, self._records, self._starts = session, records, starts
        self._env = session.profile.env

    def cancel(self, run: str, by: Operator) -> Future[Cancelled]:
        """Ask a run to stop: CancelledError is raised in its body at the next turn; one whose body has not
        begun, or that is parked, ends at once."""
        writes = self._cancelling(self._records.load(run), by)
        if not writes:
            return known(Cancelled.TOO_LATE)
        return mapped(first_not_refused(self.write, writes), lambda done: steering.cancelled_by(*done))

    def _cancelling(self, row: RunRow, by: Operator) -> list[Write]:
        now = self._env.now()
        acts = by.acts("cancel", row.id, now)
        return [replace(write, acts=acts) for write in steering.cancelling(row, self._env.new_id(), now)]

    def cancel_all(self, rows: Sequence[RunRow], by: Operator) -> list[Cancelled]:
        """The same for runs as they were read, in one commit for each chunk of them; blocks."""
        asked = [self._cancelling(row, by) for row in rows]
        done = [Cancelled.TOO_LATE] * len(rows)
        while left := [n for n, writes in enumerate(asked) if writes]:
            for chunk in chunks(left):
                tried = [asked[n].pop(0) for n in chunk]
                for n, write, verdict in zip(chunk, tried, self._write_many(tried), strict=True):
                    if not is_refused(verdict):
                        done[n] = steering.cancelled_by(write, verdict)
                        asked[n].clear()
        return done

    def terminate(self, run: str, by: Operator) -> Future[Verdict]:
        """End a run that nobody, or a dead process, holds; its body does not run."""
        now = self._env.now()
        return self._decide(run, steering.terminating(*self._freed(run), now), by.acts("terminate", run, now))

    def rename(self, run: str, function: str, by: Operator) -> Future[Verdict]:
        """Have a run that nobody, or a dead process, holds go on with a function by its new name.

        Where its script went with the old name, the file that has the new one takes its place: the same call
        there goes on with the run.
        """
        row, owner = self._freed(run)
        url, ours = self._session.profile.url, self._session.profile.functions
        known = {name: function.fingerprint for name, function in list(ours.items())}
        known = {**offered(self._session.store.engines()), **known}
        if row.fingerprint and is_workflow(url, function, row.starter, known) is False:
            raise UsageError(f"{function} is a task, and run {run} is of a workflow", fix=f"podium why {run}")
        starter = starter_under(url, row, function)
        acts = by.acts("rename", run, self._env.now(), f"{row.function} to {function}")
        return self._decide(run, steering.renaming(row, owner, function, starter), acts)

    def resume(self, run: str, by: Operator) -> Future[Verdict]:
        """Put a parked run back in line."""
        row = self._records.load(run)
        ours = self._session.profile.functions.get(row.function)
        code = ours.fingerprint if ours is not None else None
        now = self._env.now()
        return self._decide(run, steering.resuming(row, now, code), by.acts("resume", run, now))

    def pause(self, run: str, by: Operator) -> Future[None]:
        """Have a run wait until it is resumed; what of it has begun ends before."""
        row, env = self._records.load(run), self._env
        asked = Message(env.new_id(), row.id, PAUSE, env.now(), sender=by.name)
        acts = by.acts("pause", run, asked.at)
        writes = [replace(write, acts=acts) for write in steering.pausing(row, asked)]
        return mapped(first_not_refused(self.write, writes), _ignore) if writes else known(None)

    def settle(self, run: str, step: str, how: Settlement, by: Operator) -> Future[Verdict]:
        """Say what became of a step over which a run is parked.

        Raises WrongState where that is not so, UsageError for a result that does not fit, EncodeError.
        """
        row, env = self._records.load(run), self._env
        about = Message(env.new_id(), row.id, SETTLE, env.now(), state=how.state, sender=by.name)
        write = steering.settling(row, step, about)
        (asked,) = write.messages
        task, schema = self._task_of(row, asked.name), read_reason(row.payload).schema
        asked = replace(asked, payload=how.payload(asked.name, task, schema, self._session.store.depot))
        acts = by.acts("settle", run, asked.at, f"{asked.name}: {how.in_words}")
        return self._decide(run, replace(write, messages=(asked,)), acts)

    def _task_of(self, row: RunRow, step: str) -> Function | None:
        """The task of a step that has begun, where it is imported here."""
        found = (each for each in reversed(self._records.history(row.id)) if each.step == step)
        entry = next(found, None)
        return None if entry is None else registry.get(f"{entry.module}:{label_of(step)}")

    def retry(self, run: str, by: Operator, stops: StopWait | None = None) -> Started:
        """The retry of a failed run, from its recorded past: it goes on at the step that failed.

        A run has one; while that has not ended, another call gives it, too. `stops`: that of several retries.
        """
        row, store = self._records.load(run), self._session.store
        require_on_its_own(store, row)
        stops = stops or StopWait(self._session)
        new = Family(store, self._records, self._env.now(), stops.stopped).retry(row)
        return self._copy(new, row, by, "retry", f"as {new.id}")

    def _copy(self, new: NewRun, row: RunRow, by: Operator, verb: str, said: str) -> Started:
        (act,) = by.acts(verb, row.id, new.at, said) or (None,)
        return self._starts.copy(replace(new, act=act), row.function)

    def fork(self, run: str, at: str | int, by: Operator, value: Any = NO_VALUE) -> Started:
        """A new run from the record of one, up to before the outcome of a step, or with `value` as that.

        Raises UsageError for a step that is none, and a value that does not fit, too.
        """
        row, entries = self._records.load(run), self._records.history(run)
        cut = _cut(self._session, row, entries, at)
        forking.require_no_children(row, self._taken_along(row, entries))
        outcome = None if value is NO_VALUE else self._outcome(row, cut, value)
        new = forking.forking(row, cut, self._env.new_id(), self._env.now(), outcome)
        with_it = "" if outcome is None else ", with another value"
        return self._copy(new, row, by, "fork", f"at {at}{with_it}, as {new.id}")

    def _outcome(self, row: RunRow, cut: forking.Cut, value: Any) -> Entry:
        """The entry that has the value, by the code at hand: that alone says of what type it is."""
        profile = self._session.profile
        function = profile.functions.get(row.function)
        if function is None:
            raise UsageError(
                f"of what type the value is says {row.function}, which is not imported here",
                fix="import its module, or fork without a value",
            )
        if not cut.step:
            raise UsageError("a signal or a cancel has no other value", fix="fork there, and send another")
        with DryReplay(self._session.store, self._env, profile.options.turn_budget) as replay:
            return replay.outcome(forking.head_at(row, cut), function, cut.means, value, self._env.now())

    def _taken_along(self, row: RunRow, entries: Sequence[Entry]) -> list[RunRow]:
        """The runs that it has started and that are asked to stop when it ends."""
        store = self._session.store
        sent = dict.fromkeys(entry.name for entry in entries if entry.kind is Kind.SENT)
        children = [child for child in store.load_many(list(sent)).values() if child.parent == row.id]
        if not row.state.is_final:
            cancels = {wait.target for wait in store.waits(row.id, limit=WAITS_MAX) if wait.cancels}
            return [child for child in children if child.id in cancels]
        asked = [child for child in children if not child.state.is_final]
        return [child for child in asked if any(each.kind == CANCEL for each in store.inbox(child.id))]

    def write(self, write: Write) -> Future[Verdict]:
        """Commit it, through the engine if there is one."""
        session = self._session
        if not session.has_engine:
            return known(_commit(session, [write])[0])
        future: Future[Verdict] = Future()
        session.host.call(session.host.engine.clients.write, write, settle(future))
        return future

    def _write_many(self, writes: Sequence[Write]) -> list[Verdict]:
        """Commit them together, likewise."""
        session = self._session
        if not session.has_engine:
            return _commit(session, writes)
        futures: list[Future[Verdict]] = [Future() for _ in writes]

        def ask() -> None:  # in one turn of its loop, so in one commit
            for write, future in zip(writes, futures, strict=True):
                session.host.engine.clients.write(write, settle(future))

        session.host.call(ask)
        return [future.result() for future in futures]

    def is_left(self, row: RunRow) -> bool:
        """Whether a run is held by a process that is certainly dead."""
        return owners.is_left(self._session.store, self._session.locks_directory, row)

    def _freed(self, run: str) -> tuple[RunRow, EngineRow | None]:
        """A run's row, taken from a dead owner, and the living owner that it has."""
        session, row = self._session, self._records.load(run)
        if session.patiently(
            lambda: owners.free(session.store, session.locks_directory, row, self._env.now())
        ):
            row = self._records.load(run)  # by its new token: an engine that takes it meanwhile wins
        return row, owners.owner_of(session.store, row)

    def _decide(self, run: str, write: Write, acts: tuple[AuditRow, ...]) -> Future[Verdict]:
        """Refused where the run has moved on meanwhile: WrongState."""
        return mapped(self.write(replace(write, acts=acts)), partial(steering.accepted, run))


def _cut(session: Session, row: RunRow, entries: Sequence[Entry], at: str | int) -> forking.Cut:
    """Where a fork goes its own way; at what the body gave up, before it did, as the code at hand tells."""
    cut, function = forking.cut_at(row, entries, at), session.profile.functions.get(row.function)
    if cut.is_over or function is None:
        return cut
    with DryReplay(session.store, session.profile.env, session.profile.options.turn_budget) as replay:
        seq = replay.given_up_at(forking.head_at(row, cut), function, cut.means)
    return cut if seq is None else forking.cut_before(row, entries, seq, cut)


def _commit(session: Session, writes: Sequence[Write]) -> list[Verdict]:
    """Without an engine. The children that this has asked to stop may be nobody's, or parked: these end here,
    where no worker need serve them."""
    verdicts = done = session.commit(writes)
    while cancels := cancels_of(message for verdict in done for message in verdict.told):
        rows = session.store.load_many([cancel.run for cancel in cancels])
        ends = in_line(rows, cancels, session.profile.env.now())
        done = session.commit(ends) if ends else []
    return verdicts
