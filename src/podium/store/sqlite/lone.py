"""The short way of a commit: one Write that only records, as a straight line.

Most commits of a run that does one step after the other are such. All there is to judge is the run's row and
the engine's, which mostly are known. Whatever else a Write may hold is for `Batch`, and so is one that is
refused for its data: nothing has happened then, and the batch says why.
"""

from __future__ import annotations

import operator
from typing import Any

import apsw
from msgspec.structs import astuple

from ...codec import REFERENCE
from ...model import Kind, Outcome, StepWrite, Verdict, Write
from ..judge import may_write
from .faults import DATA_ERRORS, translate
from .known_runs import KnownRuns
from .payloads import ENTRY_INLINE_MAX, size
from .statements import SQL, Row

_ADD_ENTRY, _ADD_LINE = SQL["add_entry"], SQL["add_line"]
_DONE, _REFUSED = Verdict(Outcome.DONE), Verdict(Outcome.REFUSED)


_ONLY_RECORDS = frozenset({"fence", "entries", "logs"})
_MORE = operator.attrgetter(*(field for field in Write.__struct_fields__ if field not in _ONLY_RECORDS))


def is_lone(write: Write) -> bool:
    """Whether it has a fence and only records: entries or logs, and of every other field there is nothing."""
    if type(write) is StepWrite:
        return True
    return bool(write.entries or write.logs) and write.fence is not None and not any(_MORE(write))


def commit_lone(connection: apsw.Connection, engine: str, write: Write, known: KnownRuns) -> Verdict | None:
    """Commit a write that `is_lone`; None: it takes the long way, and nothing has happened."""
    untyped: Any = connection  # apsw's annotations need the Buffer of Python 3.12
    execute = untyped.execute
    execute("BEGIN IMMEDIATE")
    try:
        known.look(untyped)
        verdict = _judged_and_written(untyped, engine, write, known)
    except BaseException as error:
        if connection.in_transaction:
            execute("ROLLBACK")
        if isinstance(error, DATA_ERRORS):
            return None
        raise
    if verdict is not _DONE:
        execute("ROLLBACK")
        return verdict
    try:
        execute("COMMIT")
    except apsw.Error as error:
        if connection.in_transaction:
            execute("ROLLBACK")
        raise translate(error, connection.filename, committing=True) from error
    return verdict


def _judged_and_written(connection: Any, engine: str, write: Write, known: KnownRuns) -> Verdict | None:
    fence = write.fence
    assert fence is not None
    run = known.runs.get(fence.run) or known.read(connection, (fence.run,)).get(fence.run)
    if (
        run is None or run.owner != engine or not may_write(fence, run.token, run.state)
        or not known.lives(connection, engine)
    ):  # fmt: skip
        return _REFUSED
    key, seq = run.key, run.entries
    entries: list[Row] = []
    for entry in write.entries:
        seq += 1
        if (
            entry.seq != seq or entry.kind is Kind.MESSAGE or size(entry.payload) > ENTRY_INLINE_MAX
            or entry.payload.find(REFERENCE) >= 0
        ):  # fmt: skip
            return None
        entries.append((key, *astuple(entry)))
    if len(entries) == 1:
        connection.execute(_ADD_ENTRY, entries[0])
    elif entries:
        connection.executemany(_ADD_ENTRY, entries)
    if write.logs:
        lines = [(key, one.step, one.attempt, one.at, one.level, one.text) for one in write.logs]
        connection.executemany(_ADD_LINE, lines)
    if write.entries:
        run.entries, run.last_at = seq, write.entries[-1].at
    return _DONE
