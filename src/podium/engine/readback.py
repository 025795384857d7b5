"""After a commit whose result is unknown: ask the store what became of it, before deciding anything.

A batch is one transaction, so one write whose trace can be told from its absence tells for all of them. What
crosses a run's border (starts, messages, answers) is then asked for again by the same ids: what has happened
is not done twice, and its verdict comes from the store instead of being guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ..model import WAITS_MAX, NewRun, Outcome, RunRow, Verdict, Wait, Write
from ..store import Store

Start = tuple[Outcome, str]  # of `Verdict.runs`


def read_back(store: Store, engine: str, writes: Sequence[Write]) -> list[Verdict] | None:
    """Verdicts if the batch was committed, None if it was not (or left no trace) and may be sent again."""
    found = _Traces(store, engine, writes)
    if not any(map(found.left_a_trace, writes)):
        return None
    return _verdicts(store, found, writes)


class _Traces:
    """What the store has of what a batch names: three looks, however many writes there are."""

    def __init__(self, store: Store, engine: str, writes: Sequence[Write]) -> None:
        self.store, self.engine = store, engine
        starts = [new for write in writes for new in write.new_runs]
        fences = [write.fence.run for write in writes if write.fence is not None]
        self.runs = store.load_many(list(dict.fromkeys([*fences, *(new.id for new in starts)])))
        last = [(write.fence.run, write.entries[-1].seq) for write in writes if write.fence and write.entries]
        self.entries = store.entries_at(last) if last else {}
        unseen = [new.id for new in starts if new.attach and new.id not in self.runs]
        self.attached = store.attached(unseen) if unseen else {}

    def left_a_trace(self, write: Write) -> bool:
        """Whether the write is there, and would not be if it had not been made."""
        if write.fence is not None and (write.entries or write.move or write.logs or write.forget):
            return self.happened(write)
        return any(self.start(new) is not None for new in write.new_runs)

    def happened(self, write: Write) -> bool:
        """Whether a fenced write of a batch that was committed is in: its last entry is there, or its last
        lines are, or its move under its own token. Of what leaves none of that the token has to tell."""
        assert write.fence is not None
        row = self.runs.get(write.fence.run)
        if row is None or write.forget:
            return row is None and write.forget
        if write.entries:
            # Another owner may have gone on since, so look for our very entry, not only for the count.
            last = write.entries[-1]
            return self.entries.get((row.id, last.seq)) == last
        if write.move is not None:
            return row.token == write.fence.token and row.state is write.move.state
        if write.logs:
            # Whoever has written since is another owner; then ours may be sent again, and its fence answers.
            said = self.store.logs(row.id, after=row.logs - len(write.logs), limit=len(write.logs))
            return [replace(line, n=0) for line in said] == list(write.logs)
        return row.token == write.fence.token

    def start(self, new: NewRun) -> Start | None:
        """What a start has come to; None: nothing that can be told from what others have started."""
        row = self.runs.get(new.id)
        if row is not None and (not new.explicit_id or self._is_ours(row, new)):
            return Outcome.DONE, new.id
        attached = self.attached.get(new.id)
        return (Outcome.ATTACHED, attached) if attached is not None else None

    def _is_ours(self, row: RunRow, new: NewRun) -> bool:
        """Others may have chosen the same id, but not in this engine at this instant."""
        return (row.created, row.starter_engine, row.digest) == (new.at, self.engine, new.digest)


def _verdicts(store: Store, found: _Traces, writes: Sequence[Write]) -> list[Verdict]:
    """What the writes of a committed batch came to."""
    known = [[found.start(new) for new in write.new_runs] for write in writes]
    happened = [write.fence is None or found.happened(write) for write in writes]
    again = [
        _crossing(write, starts) if is_in else Write()
        for write, starts, is_in in zip(writes, known, happened, strict=True)
    ]
    asked = iter(store.commit(found.engine, [write for write in again if write != Write()]))
    return [
        _verdict(store, write, starts, next(asked) if repeat != Write() else Verdict(Outcome.DONE))
        if is_in
        else Verdict(Outcome.REFUSED)
        for write, starts, repeat, is_in in zip(writes, known, again, happened, strict=True)
    ]


def _crossing(write: Write, starts: Iterable[Start | None]) -> Write:
    """What of a write is the same when it is asked for again, but for the starts that are known."""
    unknown = tuple(new for new, start in zip(write.new_runs, starts, strict=True) if start is None)
    return Write(new_runs=unknown, messages=write.messages, answers=write.answers)


def _verdict(store: Store, write: Write, starts: Iterable[Start | None], again: Verdict) -> Verdict:
    """One write's, of what is known of it and what asking again has told."""
    if again.outcome is not Outcome.DONE and write.fence is None:
        return again  # CONFLICT, say: of that write there is nothing
    told = iter(again.runs)
    runs = tuple([start or next(told) for start in starts])
    waits = _waits(store, write.fence.run, write.waits) if write.fence is not None and write.waits else ()
    return Verdict(Outcome.DONE, runs, again.messages, waits, again.answers)


def _waits(store: Store, run: str, waits: Sequence[Wait]) -> tuple[Outcome, ...]:
    there = {row.step for row in store.waits(run, limit=WAITS_MAX)}
    return tuple(Outcome.DONE if wait.step in there else Outcome.GONE for wait in waits)
