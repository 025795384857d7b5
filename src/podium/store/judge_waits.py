"""What runs wait for from outside, as the judge sees it: a row is put once and answered once, by a message.

A run's end answers whatever waits for that run, an `Answer` what waits for that question or callback. An
outcome belongs to the id, not to who waits: who begins to wait for a run that has ended, or for what was
answered, as a fork does, is answered with that at once.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from operator import attrgetter

import msgspec

from ..model import ANSWER, CANCEL, FINAL, OUTCOME, Answer, Kind, Message, Outcome, Wait, Write
from .judge_inbox import Inboxes
from .sets import CLOSED, Changes, Rows, RunState, WaitState, asked_before

_PLACE = attrgetter("run", "step")
# Entries that a run makes again with the answer, taken up anew. After a message, a cancel, it would not.
_DECIDED_AGAIN = (Kind.TICK, Kind.SENT, Kind.SET_ASIDE)


class Waits:
    """Of one round. `send` puts a message into an inbox."""

    def __init__(self, rows: Rows, changes: Changes, inboxes: Inboxes) -> None:
        self._rows, self._changes, self._inboxes = rows, changes, inboxes
        self._by_target: dict[tuple[str, str], list[WaitState]] = {}
        self._forgotten: set[str] = set()  # runs that have begun anew
        self._children: dict[str, list[WaitState]] = {}  # by run: what it takes along when it ends
        self._given = dict(rows.given)  # by target
        for row in rows.waits.values():
            self._note(row)

    def _note(self, row: WaitState) -> None:
        self._by_target.setdefault((row.kind, row.target), []).append(row)
        if row.cancels:
            self._children.setdefault(row.run, []).append(row)

    def check(self, run: RunState, write: Write) -> str:
        """Why these cannot be put; "" if they can."""
        if write.move is not None and write.move.state in FINAL:
            return "a run that ends waits for nothing"
        wanted: dict[str, tuple[str, str]] = {}
        for wait in write.waits:
            target = (wait.kind, wait.target)
            if wait.kind not in (OUTCOME, ANSWER):
                return f"nothing answers a wait for {wait.kind}"
            if target == (OUTCOME, run.id):
                return "a run does not wait for its own end"
            there = self._rows.waits.get((run.id, wait.step))
            if wanted.setdefault(wait.step, target) != target or (
                there is not None and (there.kind, there.target) != target
            ):
                return f"step {wait.step} waits for something else"
        return ""

    def put(
        self, run: RunState, write: Write, attached: Container[str], theirs: Container[str]
    ) -> tuple[Outcome, ...]:
        """Begin to wait. `attached`: runs that this write would have started and that were there: they are
        no children, and are not taken along. `theirs`: likewise, but of other calls: not waited for."""
        known = asked_before(write)
        outcomes: list[Outcome] = []
        for wait in write.waits:
            if wait.target in attached and wait.cancels:
                wait = msgspec.structs.replace(wait, cancels=False)
            is_known = wait.target in known
            outcomes.append(Outcome.GONE if wait.target in theirs else self._put(run, wait, is_known))
        return tuple(outcomes)

    def _put(self, run: RunState, wait: Wait, is_known: bool) -> Outcome:
        if (run.id, wait.step) in self._rows.waits:
            return Outcome.DONE
        target = self._rows.runs.get(wait.target) if wait.kind == OUTCOME else None
        if target is None and wait.kind == OUTCOME:
            return Outcome.GONE
        row = WaitState(
            run.id, wait.step, wait.kind, wait.target, cancels=wait.cancels, due=wait.due, wait=wait
        )
        self._rows.waits[run.id, wait.step] = row
        self._note(row)
        self._changes.waits.append(row)
        if target is not None and target.state in FINAL:
            self._end_of(target, row)
        elif is_known and (given := self._given_to(wait)) is not None:
            self._answered(row, given)
        return Outcome.DONE

    def _given_to(self, wait: Wait) -> Answer | None:
        """What was answered to this question or callback when another run asked it, in time for this one."""
        given = self._given.get(wait.target)
        if given is None or (wait.due is not None and given.at > wait.due):
            return None
        rows = self._by_target.get((ANSWER, wait.target), ())
        is_there = any(row.digest == given.digest and row.run not in self._forgotten for row in rows)
        return given if is_there else None

    def came_in_time(self, run: RunState, write: Write) -> bool:
        """Whether an answer that was accepted lies there for a step that this write closes because its time
        is up. Its sender was told that it counts: the run must see it, and is taken up anew. Not so where the
        write has more than time on record: a task would be done again for that."""
        if not write.closes or any(entry.kind not in _DECIDED_AGAIN for entry in write.entries):
            return False
        rows = [self._rows.waits.get((run.id, step)) for step in write.closes]
        return any(
            row is not None
            and row.digest != CLOSED
            and row.taken is not None
            and row.due is not None
            and row.taken < row.due
            for row in rows
        )

    def close(self, run: RunState, steps: Iterable[str], at: float) -> None:
        """Nobody waits any more for what these steps asked: an answer to one is refused."""
        for step in steps:
            row = self._rows.waits.get((run.id, step))
            if row is not None and row.taken is None:
                row.taken, row.digest = at, CLOSED
                if row.wait is None:
                    self._changes.answered.append(row)

    def answer(self, answer: Answer) -> Outcome:
        """Answer all that waits for a question or a callback. What was answered before stays as it was, also
        when who asked has ended."""
        left = [
            row
            for row in self._waiting(ANSWER, answer.target)
            if row.taken is None and (row.due is None or answer.at <= row.due)
        ]
        for row in left:
            self._answered(row, answer)
            self._given.setdefault(answer.target, answer)
        taken = [
            row.digest
            for row in self._by_target.get((ANSWER, answer.target), ())
            if row.taken is not None and row.digest != CLOSED and row.run not in self._forgotten
        ]
        if left or answer.digest in taken:
            return Outcome.DONE
        return Outcome.TAKEN if taken else Outcome.CLOSED

    def ended(self, run: RunState) -> None:
        """A run has ended: who waits for it is answered, it waits for nothing any more, and its unfinished
        children are asked to stop."""
        if self._by_target:
            for row in self._waiting(OUTCOME, run.id):
                if row.taken is None:
                    self._end_of(run, row)
        self._stop_children(run, run.since if run.ended is None else run.ended)
        self._changes.ended[run.id] = run

    def forgotten(self, run: RunState, at: float) -> None:
        """A run has begun anew: it waits for nothing any more, and its unfinished children are asked to
        stop."""
        self._forgotten.add(run.id)
        self._stop_children(run, at)

    def _stop_children(self, run: RunState, at: float) -> None:
        for row in self._children.get(run.id, ()):
            child = self._rows.runs.get(row.target)
            if child is not None and child.state not in FINAL and row.taken is None:
                self._inboxes.send(
                    Message(f"@{child.messages + 1}:{CANCEL}", child.id, CANCEL, at, sender=run.id)
                )

    def _waiting(self, kind: str, target: str) -> list[WaitState]:
        """Rows with this target, but of those that the round has ended, or has let begin anew."""
        rows = self._by_target.get((kind, target), [])
        left = [
            row
            for row in rows
            if self._rows.runs[row.run].state not in FINAL and row.run not in self._forgotten
        ]
        return sorted(left, key=_PLACE)  # not as a backend happens to find them

    def _end_of(self, run: RunState, row: WaitState) -> None:
        at = run.since if run.ended is None else run.ended
        self._answered(row, Answer(run.id, at, b"", run.payload, run.state.value, run.id))

    def _answered(self, row: WaitState, answer: Answer) -> None:
        row.taken, row.by, row.digest = answer.at, answer.by, answer.digest
        if row.wait is None:
            self._changes.answered.append(row)
        n = self._rows.runs[row.run].messages + 1
        message = Message(
            id=f"@{n}:{row.step}",  # nobody else's: no id that is chosen has an @
            run=row.run,
            kind=row.kind,
            at=answer.at,
            payload=answer.payload,
            name=row.step,
            digest=answer.digest,
            state=answer.state,
            sender=answer.by,
        )
        self._inboxes.send(message)
