"""The judge: what becomes of each Write of a batch, and which rows that changes.

Pure: no SQL, no clock. Every backend reads the rows that a round needs (`sets`), asks `judge`, and applies
the changes it returns; so one set of rules holds for all of them, and a test can ask it without a store.
For Writes that only record there are short ways beside it: one in `judge` itself, one of each backend
(`sqlite/lone.py`, `postgres/short_way.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from ..model import (
    CANCEL,
    FINAL,
    Entry,
    Fence,
    Kind,
    Move,
    Outcome,
    State,
    StepWrite,
    Verdict,
    Write,
    changed_queue,
    may_move,
)
from .admission import PAST_LIMITS
from .judge_inbox import Inboxes, calls_off
from .judge_starts import REFUSED, Starts, invalid
from .judge_waits import Waits
from .sets import Changes, Rows, RunState

_DONE = Verdict(Outcome.DONE)

# Fields that need a fence; those of them that record what an owner alone can know; and what is rare.
_FENCED = attrgetter(
    "move", "entries", "consumed", "logs", "rename", "forget", "progress", "waits", "measures", "chunks",
    "values", "closes",
)  # fmt: skip
_RECORDS = attrgetter(
    "entries", "consumed", "logs", "progress", "waits", "measures", "chunks", "values", "closes"
)
_RARE = attrgetter(
    "consumed", "rename", "forget", "progress", "waits", "new_runs", "messages", "answers", "chunks",
    "values", "acts", "queues", "closes",
)  # fmt: skip
_BESIDE_STARTS = attrgetter("waits", "closes", "messages", "answers", "acts", "queues")
_KIND = attrgetter("kind")


def judge(engine: str | None, writes: Sequence[Write], rows: Rows) -> tuple[list[Verdict], Changes]:
    """Verdicts in the order of the writes, and what they change; `rows` is used up.

    `engine`: who writes; None: a client. `writes`: one round.
    """
    judging = _Judging(engine, rows)
    runs, recorded = {} if judging.is_dead else rows.runs, judging.changes.entries
    verdicts: list[Verdict] = []
    for write in writes:
        # One that adds the next entry to its run, as most do, says what `write` would say of it, in no frame
        # of its own.
        fence = write.fence if type(write) is StepWrite and len(write.entries) == 1 else None
        if fence is not None:
            run, entry = runs.get(fence.run), write.entries[0]
            if (
                run is not None and run.token == fence.token and run.state in fence.states
                and run.owner == engine and run.entries + 1 == entry.seq
            ):  # fmt: skip
                run.entries, run.last_at = entry.seq, entry.at
                recorded.append((run, write.entries))
                verdicts.append(_DONE)
                continue
        verdicts.append(judging.write(write))
    return verdicts, judging.changes


def may_write(fence: Fence, token: int, state: str) -> bool:
    """Whether a fence holds for a run with this token, in this state."""
    return token == fence.token and state in fence.states


class _Judging:
    """One round. Checks come first and change nothing; what is changed is seen by the writes that follow."""

    def __init__(self, engine: str | None, rows: Rows) -> None:
        self._engine, self._rows = engine, rows
        self._runs = rows.runs
        self.is_dead = engine is not None and not rows.lives
        self.changes = Changes()
        self._inboxes = Inboxes(rows, self.changes)
        self._waits = Waits(rows, self.changes, self._inboxes)
        self._starts = Starts(engine, rows, self.changes, self.is_dead)

    def write(self, write: Write) -> Verdict:
        """Judge one write, then make its changes."""
        run, fence = None, write.fence
        is_rare = any(_RARE(write))
        if fence is not None:
            run = self._runs.get(fence.run)
            if run is None or not self._may_write(fence, run, write):
                return REFUSED
            is_rare = is_rare or Kind.MESSAGE in map(_KIND, write.entries)
            refusal = self._check(run, write) or (self._check_rare(run, write) if is_rare else None)
            if refusal is not None:
                return refusal
        elif any(_FENCED(write)):
            return invalid("without a fence a Write only creates runs, sends messages and answers")
        if write.new_runs:
            refusal = self._starts.check(write.new_runs, fence is not None)
            if refusal is not None:
                return refusal
        if run is not None:
            self._change(run, write, is_rare)
        verdict = self._outcomes(run, write) if is_rare else _DONE
        told = self._inboxes.take_told()
        return msgspec.structs.replace(verdict, told=told) if told else verdict

    def _outcomes(self, run: RunState | None, write: Write) -> Verdict:
        """Start, wait, send and answer, in this order."""
        runs = tuple([self._starts.start(new) for new in write.new_runs])
        if not any(_BESIDE_STARTS(write)):  # as in most that are rare at all
            return Verdict(Outcome.DONE, runs)
        attached = {id for outcome, id in runs if outcome is Outcome.EXISTS}  # others' runs
        # What is another's under that id is not waited for.
        theirs = {id for outcome, id in runs if outcome is Outcome.CONFLICT}
        waits = self._waits.put(run, write, attached, theirs) if run is not None and write.waits else ()
        if run is not None and write.closes:
            self._waits.close(run, write.closes, write.entries[-1].at if write.entries else run.since)
        messages = tuple([self._inboxes.send(message) for message in write.messages])
        answers = tuple([self._waits.answer(answer) for answer in write.answers])
        if write.acts and all(outcome is Outcome.DONE for outcome in (*messages, *answers)):
            self.changes.acts += write.acts
        for change in write.queues:
            found = changed_queue(self._rows.queues.get(change.name), change)
            self._rows.queues[change.name] = self.changes.queues[change.name] = found
            self.changes.wakes = True  # there may be room now
        taken = self._starts.take_taken() if theirs else ()
        return Verdict(Outcome.DONE, runs, messages, waits, answers, taken=taken)

    # -- checks: nothing here changes anything ------------------------------------------------------------

    def _may_write(self, fence: Fence, run: RunState, write: Write) -> bool:
        if self.is_dead or not may_write(fence, run.token, run.state):
            return False
        # What nobody owns may be decided upon by an engine, too: a person has asked it to, or a cancel has.
        is_decision = run.owner is None and (not any(_RECORDS(write)) or calls_off(write))
        return is_decision or run.owner == self._engine

    def _check(self, run: RunState, write: Write) -> Verdict | None:
        expected = run.entries
        for entry in write.entries:
            expected += 1
            if entry.seq != expected:
                return invalid(f"entry {entry.seq} does not continue the history, {expected} would")
        move = write.move
        if move is not None and (move.state is State.RUNNING or not may_move(run.state, move.state)):
            # Running means owned, and only a claim makes an owner.
            return invalid(f"a run does not move from {run.state} to {move.state} by a Write")
        if move is not None and move.again is not None and (move.state is not State.WAITING or not run.owner):
            return invalid("a new generation begins as a move to waiting, by the run's owner")
        return REFUSED if self._inboxes.have_later(run, move) else None

    def _check_rare(self, run: RunState, write: Write) -> Verdict | None:
        if write.rename and run.owner is not None:
            return invalid("the function of a run that somebody drives is not renamed")
        if write.forget:
            return self._check_forget(run, write)
        if write.waits and (trouble := self._waits.check(run, write)):
            return invalid(trouble)
        if self._waits.came_in_time(run, write):
            return REFUSED
        ids = [entry.step for entry in write.entries if entry.kind is Kind.MESSAGE]
        if len(set(ids)) < len(ids):
            return invalid("a message enters a history once")
        for id in (*ids, *write.consumed):
            row = self._rows.inbox.get((run.id, id))
            if row is None or row.taken is not None or (run.owner is None and row.kind != CANCEL):
                return REFUSED
        return None

    def _check_forget(self, run: RunState, write: Write) -> Verdict | None:
        if write != Write(fence=write.fence, forget=True):
            return invalid("a run is forgotten by a Write of its own")
        if run.state not in FINAL:
            return invalid(f"a run that is {run.state} is not forgotten")
        needs_it = self._rows.needed_by.get(run.id)
        if needs_it:
            return Verdict(Outcome.REFUSED, detail=f"run {needs_it}, which has not ended, rests on it")
        return None

    # -- changes to the fenced run ------------------------------------------------------------------------

    def _change(self, run: RunState, write: Write, is_rare: bool) -> None:
        entries = write.entries
        if entries:
            run.entries += len(entries)
            run.last_at = entries[-1].at
            self.changes.entries.append((run, entries))
        if write.logs:
            self.changes.logs.append((run, write.logs))
        if write.measures:
            self.changes.measures.append((run, write.measures))
        if is_rare:
            self._change_rare(run, write)
        if write.move is not None:
            self._move(run, write.move)

    def _change_rare(self, run: RunState, write: Write) -> None:
        changes = self.changes
        for id, at in _taken(write.entries, write.consumed).items():
            self._inboxes.take(run, self._rows.inbox[run.id, id], at)
        for said in write.progress:
            changes.progress[run.id, said.step] = (run, said)
        if write.chunks:
            changes.chunks.append((run, write.chunks))
        for value in write.values:
            there = changes.values.get((run.id, value.name))
            if there is None or value.turn >= there[1].turn:
                changes.values[run.id, value.name] = (run, value)
        if write.rename:
            changes.renamed[run.id] = (run, write.rename, write.starter)
            changes.wakes = True
        if write.forget:
            changes.forgotten.append(run)
            del self._runs[run.id]

    def _move(self, run: RunState, move: Move) -> None:
        """Every state that a Write can reach is without an owner."""
        if run.state is State.PARKED:
            run.forgiven = True  # a person has decided: what was lost counts no more
        run.state, run.owner, run.payload = move.state, None, move.payload
        run.due = move.due if move.state is State.WAITING else None
        if move.fingerprint is not None:
            run.fingerprint = move.fingerprint
        if move.state is State.WAITING:
            if run.has_begun and (run.unread > 0 if move.seen is None else run.messages > move.seen):
                run.due = 0.0  # since ever, not since now, or a clock that is set back would delay it
            # An engine looks after the runs that it lets wait; one that a client puts back is anybody's.
            self.changes.wakes |= self._engine is None
            if move.again is not None:
                self._end(run, run.since if move.at is None else move.at, anew=True)
                run.forgiven = True
                self.changes.anew[run.id] = (run, move)
        elif move.state in FINAL:
            run.ended = self._ended(run, move)
            self._end(run, run.ended)
        if run.queue:
            self._move_in_queue(run, move)
        if not run.is_new:
            self.changes.told.pop(run.id, None)
            self.changes.put_back.pop(run.id, None)
            self.changes.moved[run.id] = run

    def _move_in_queue(self, run: RunState, move: Move) -> None:
        """Its slot is free, and what comes back stands in line by the time at which it is due."""
        self.changes.wakes = True
        if run.state is State.WAITING and run.rank != PAST_LIMITS:
            run.rank = run.due
        if move.holds:
            place = (run.queue, run.lane)
            self.changes.held[place] = max(move.holds, self.changes.held.get(place, 0.0))

    def _end(self, run: RunState, at: float, anew: bool = False) -> None:
        """Answer who waits for it; what it waited for itself, and what lies there of that, goes. `anew`: only
        its generation ends, so nobody is answered."""
        self._inboxes.end(run, at, anew)
        if anew:
            self._waits.forgotten(run, at)
        else:
            self._waits.ended(run)

    def _ended(self, run: RunState, move: Move) -> float:
        """As its move says, but not before its last entry, nor before it began, by whatever clock."""
        last = self._rows.last_times.get(run.id, run.since) if run.last_at is None else run.last_at
        return max(last, run.since) if move.at is None else max(move.at, last, run.since)


def _taken(entries: tuple[Entry, ...], consumed: tuple[str, ...]) -> dict[str, float]:
    """The messages that a write takes from the inbox, and when: those of its entries and others."""
    at = entries[-1].at if entries else 0.0
    return dict.fromkeys(consumed, at) | {each.step: each.at for each in entries if each.kind is Kind.MESSAGE}
