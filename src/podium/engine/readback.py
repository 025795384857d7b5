"""After a commit whose result is unknown: ask the store what became of it, before deciding anything.

A batch is one transaction, so one write whose trace can be told from its absence tells for all of them. A
run whose id its caller chose is no such trace: somebody else may have started it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..model import Outcome, Verdict, Write
from ..store import Store


def read_back(store: Store, engine: str, writes: Sequence[Write]) -> list[Verdict] | None:
    """Verdicts if the batch was committed, None if it was not (or left no trace) and may be sent again."""
    if not any(_left_a_trace(store, write) for write in writes):
        return None
    return [_verdict(store, engine, write) for write in writes]


def _left_a_trace(store: Store, write: Write) -> bool:
    if write.fence is not None and (write.entries or write.move or write.logs):
        return _happened(store, write)
    return any(store.load(new.id) is not None for new in write.new_runs if not new.explicit_id)


def _happened(store: Store, write: Write) -> bool:
    """Whether a fenced write is in: its last entry is there, or its move is, under its own token, or, when it
    has logs alone, the run's last lines are these."""
    assert write.fence is not None
    row = store.load(write.fence.run)
    if row is None:
        return False
    if write.entries:
        # Another owner may have gone on since, so look for our very entry, not only for the count.
        last = write.entries[-1]
        found = store.history(row.id, after=last.seq - 1, limit=1)
        return bool(found) and found[0] == last
    if write.move is None:
        # Whoever has written since is another owner; then ours may be sent again, and its fence answers.
        last = store.logs(row.id, after=row.logs - len(write.logs), limit=len(write.logs))
        return [msgspec.structs.replace(line, n=0) for line in last] == list(write.logs)
    return row.token == write.fence.token and row.state is write.move.state


def _verdict(store: Store, engine: str, write: Write) -> Verdict:
    """What one write of a committed batch came to."""
    if write.fence is not None:
        if not _happened(store, write):
            return Verdict(Outcome.REFUSED)
        return Verdict(Outcome.DONE, messages=(Outcome.DONE,) * len(write.messages))
    if any(store.load(new.id) is not None for new in write.new_runs if not new.explicit_id):
        return Verdict(Outcome.DONE, runs=tuple((Outcome.DONE, new.id) for new in write.new_runs))
    # Starts with chosen ids and messages are the same when sent twice: let the store itself answer.
    return store.commit(engine, [write])[0]
