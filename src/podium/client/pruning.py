"""Forgetting runs that have ended, a few rows at a time, so that who commits beside it hardly waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import FINAL, Fence, Outcome, RunRow, Write
from .app import App

_ROWS_MAX = 2000  # rows that one commit deletes, unless a single run has more: some 10 ms
_RUNS_MAX = 50


def forget(app: App, rows: Sequence[RunRow]) -> Iterator[tuple[RunRow, str]]:
    """Delete these runs with all that is on record of them; for each, "" or why it was kept.

    Each is fenced: one that is not as it was seen, or that an unfinished run rests on, stays.
    """
    for batch in _batches(rows):
        writes = [Write(fence=Fence(row.id, row.token, FINAL), forget=True) for row in batch]
        verdicts = app.session.commit(writes)
        for row, verdict in zip(batch, verdicts, strict=True):
            otherwise = "it is there no more" if row.state.is_final else "it has not ended"
            yield row, "" if verdict.outcome is Outcome.DONE else verdict.detail or otherwise


def _batches(rows: Sequence[RunRow]) -> Iterator[list[RunRow]]:
    batch: list[RunRow] = []
    size = 0
    for row in rows:
        lines = row.entries + row.logs
        if batch and (size + lines > _ROWS_MAX or len(batch) == _RUNS_MAX):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += lines
    if batch:
        yield batch
