"""The inboxes of runs, as the judge sees them: what is sent lies there until its run takes it."""

from __future__ import annotations

import msgspec

from ..model import (
    ANSWER,
    CANCEL,
    FINAL,
    OUTCOME,
    SIGNAL,
    SIGNALS_MAX,
    Kind,
    Message,
    Move,
    Outcome,
    State,
    Write,
)
from .admission import PAST_LIMITS
from .sets import Changes, InboxRow, Rows, RunState


class Inboxes:
    """Those of one round."""

    def __init__(self, rows: Rows, changes: Changes) -> None:
        self._rows, self._changes = rows, changes
        self._told: list[Message] = []

    def take_told(self) -> tuple[Message, ...]:
        """The outcomes, answers and cancels that were sent since the last call."""
        if not self._told:
            return ()
        told, self._told = tuple(self._told), []
        return told

    def send(self, message: Message) -> Outcome:
        """Put a message there: DONE, also where it lies there already, FULL or GONE. CLOSED: a person's
        cancel of a parked run, where it would lie unseen; another Write ends that."""
        run = self._rows.runs.get(message.run)
        if run is None:
            return Outcome.GONE
        key = (message.run, message.id)
        if key in self._rows.inbox:
            return Outcome.DONE
        if run.state in FINAL:
            return Outcome.GONE
        if run.state is State.PARKED and message.kind == CANCEL and not message.sender:
            return Outcome.CLOSED
        if message.kind == SIGNAL:
            if run.signals >= SIGNALS_MAX:
                return Outcome.FULL
            run.signals += 1
        run.messages += 1
        run.unread += 1
        row = self._rows.inbox[key] = InboxRow(run, run.messages, message.kind, message=message)
        self._changes.inbox.append(row)
        if message.kind in (OUTCOME, ANSWER):
            self._rows.unheard.setdefault(run.id, []).append(row)
        if message.kind != SIGNAL:
            self._told.append(msgspec.structs.replace(message, n=run.messages))
        if message.kind == CANCEL:
            self._rows.asked[run.id] = run.messages
            if run.state is State.PARKED:
                self._put_back(run)
        self._counted(run)
        is_early = message.kind == SIGNAL and not run.has_begun  # it begins at its time, and receives it then
        if run.owner is None and run.state in (State.QUEUED, State.WAITING) and not is_early:
            run.due = 0.0
            if (
                run.queue
                and run.rank != PAST_LIMITS
                and (message.kind == CANCEL or run.state is State.WAITING)
            ):
                run.rank = PAST_LIMITS if message.kind == CANCEL else 0.0
            if not run.is_new and run.id not in self._changes.moved:
                self._changes.told[run.id] = run
        self._changes.wakes = True
        return Outcome.DONE

    def _put_back(self, run: RunState) -> None:
        """A parked run is asked to stop by its parent: it is in line, for whoever ends it. Why it was parked
        stays on record until then, for that says whether it has something to undo."""
        run.state, run.forgiven = State.WAITING, True
        if not run.is_new and run.id not in self._changes.moved:
            self._changes.put_back[run.id] = run

    def have_later(self, run: RunState, move: Move | None) -> bool:
        """Whether a cancel has come that who parks the run has not seen."""
        if move is None or move.state is not State.PARKED or move.seen is None:
            return False
        return self._rows.asked.get(run.id, 0) > move.seen

    def take(self, run: RunState, row: InboxRow, at: float) -> None:
        """A run takes a message of its own."""
        row.taken = at
        run.unread -= 1
        run.signals -= row.kind == SIGNAL
        self._counted(run)
        if row.message is None:
            self._changes.taken.append(row)

    def end(self, run: RunState, at: float, anew: bool) -> None:
        """What came because a run waited for it goes with its end; but an answer is its retry's, and of all
        who ask the same. `anew`: its generation ends."""
        for row in self._rows.unheard.get(run.id, ()):
            if row.taken is None and (anew or row.kind != ANSWER):
                self.take(run, row, at)

    def _counted(self, run: RunState) -> None:
        if not run.is_new:
            self._changes.counted[run.id] = run


def calls_off(write: Write) -> bool:
    """Whether it only ends a run by a message that lies there; the judge sees that it is a cancel."""
    ends = write.move is not None and write.move.state is State.CANCELLED
    takes = [entry.kind for entry in write.entries] == [Kind.MESSAGE]
    return ends and takes and write == Write(write.fence, write.move, write.entries)
