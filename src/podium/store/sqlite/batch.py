"""A batch of Writes in a transaction: rows are read in sets, `judge` judges them, sets are written.

What a `Write` may do is decided there alone; here is only where the rows are. The write lock of the
transaction keeps what was read as it is until the commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import apsw
from msgspec.structs import astuple

from ...depot import Depot, NotThere
from ...model import ANSWER, OUTCOME, SIGNALS_MAX, Answer, Entry, Outcome, Verdict, Write
from ..columns import answer_rows, message_row, moved_row, payload_of, run_row, tag_rows, wait_rows
from ..judge import judge
from ..sets import CLOSED, Changes, InboxRow, Needs, Rows, RunState, WaitState, needs, references, rounds
from . import entries as history
from . import queues
from .faults import DATA_ERRORS, is_fenced
from .forgetting import begin_anew, forget, needed_by
from .known_runs import KnownRuns
from .named import copy_names, name_values
from .payloads import ENTRY_INLINE_MAX, RUN_INLINE_MAX, loaded, size, stored
from .statements import SQL, Insertion, Row, rows, rows_of_each, savepoint

_CALLS, _MESSAGES = SQL["calls"], SQL["messages"]
_UNREAD_SIGNALS = SQL["unread_signals"]
_UNIQUE_HOLDER, _ATTACHABLE, _ORPHANS = SQL["unique_holder"], SQL["attachable"], SQL["orphans"]
_MOVE, _LAST_KEY, _ADD_TAG = SQL["move"], SQL["last_key"], SQL["add_tag"]
_ADD_RUN = Insertion(SQL["add_run"])
_ADD_LINE = SQL["add_line"]
_ADD_MEASURE = SQL["add_measure"]
_ADD_CHUNK, _PUBLISH = SQL["add_chunk"], SQL["publish"]
_KEEP_PROGRESS, _FORGET_PROGRESS = SQL["keep_progress"], SQL["forget_progress"]
_ADD_MESSAGE, _TAKE, _COUNT_MESSAGES, _TELL = (
    SQL["add_message"], SQL["take"], SQL["count_messages"], SQL["tell"],
)  # fmt: skip
_ANY_WAITS, _ANY_OPEN_WAITS, _WAITS, _WAITING_FOR, _GIVEN, _CHILDREN, _ENDS = (
    SQL["any_waits"], SQL["any_open_waits"], SQL["waits"], SQL["waiting_for"], SQL["given"], SQL["children"],
    SQL["ends"],
)  # fmt: skip
_UNHEARD, _ADD_WAIT, _ANSWER_WAIT, _END_WAITS = (
    SQL["unheard"], SQL["add_wait"], SQL["answer_wait"], SQL["end_waits"],
)  # fmt: skip
_PUT_BACK, _LAST_CANCEL = SQL["put_back"], SQL["last_cancel"]
_RENAME, _FREE_BLOB = SQL["rename"], SQL["free_blob"]
_ATTACH, _ATTACH_FAMILY = SQL["attach"], SQL["attach_family"]
_PAYLOAD = 6  # its place in a row of history


def commit_batch(
    connection: apsw.Connection, depot: Depot, engine: str | None, writes: Sequence[Write], known: KnownRuns
) -> tuple[list[Verdict], bool]:
    """Verdicts, and whether something of it may be work for another engine.

    `known`: as the caller's transaction has found it; to be forgotten unless that is committed. Raises one of
    DATA_ERRORS when the store cannot hold some of the data; the transaction is then lost.
    """
    verdicts: list[Verdict] = []
    wakes = False
    for some in rounds(writes):
        found = _read(connection, engine, needs(some), known)
        judged, changes = judge(engine, some, found)
        _apply(connection, depot, engine, changes, found.runs)
        known.keep(changes)
        verdicts += judged
        wakes |= changes.wakes
    return verdicts, wakes


def commit_each(
    connection: apsw.Connection, depot: Depot, engine: str | None, writes: Sequence[Write]
) -> tuple[list[Verdict], bool]:
    """As `commit_batch`, but a data error is the verdict of its write and hurts nobody else."""
    verdicts: list[Verdict] = []
    wakes = False
    for write in writes:
        try:
            with savepoint(connection):
                (verdict,), wakes_others = commit_batch(connection, depot, engine, [write], KnownRuns())
        except DATA_ERRORS as error:
            if is_fenced(error):
                raise
            verdict, wakes_others = _invalid(error), False
        verdicts.append(verdict)
        wakes |= wakes_others
    return verdicts, wakes


def _invalid(error: Exception) -> Verdict:
    missing = str(error.path) if isinstance(error, NotThere) else ""
    return Verdict(Outcome.INVALID, detail=f"{type(error).__name__}: {error}", missing=missing)


# -- reading ------------------------------------------------------------------------------------------


def _read(connection: apsw.Connection, engine: str | None, wanted: Needs, known: KnownRuns) -> Rows:
    found = Rows(lives=engine is not None and known.lives(connection, engine), runs={})
    for project, name in wanted.names:
        for (run,) in rows(connection, _UNIQUE_HOLDER, (project, name)):
            found.holders[project, name] = run
            wanted.runs[run] = None
    for (function, digest, starter), limit in wanted.orphans.items():
        call = {"engine": engine, "function": function, "digest": digest, "starter": starter, "limit": limit}
        if engine is None or rows(connection, _ATTACHABLE, call)[0][0]:
            orphans = [run for (run,) in rows(connection, _ORPHANS, call)]
            found.orphans[function, digest, starter] = orphans
            wanted.runs.update(dict.fromkeys(orphans))
    if wanted.ending or wanted.answered or wanted.waits:
        _read_waits(connection, wanted, found)
    found.runs = known.read(connection, wanted.runs)
    if wanted.calls:
        for id, *call in rows(connection, _CALLS, (json.dumps(list(wanted.calls)),)):
            found.calls[id] = (call[0], call[1], call[2])
    if wanted.messages:
        _read_messages(connection, wanted, found)
    if wanted.ending:
        _read_unheard(connection, wanted, found)
    for id in wanted.parking:
        run = found.runs.get(id)
        if run is not None and run.unread:
            found.asked[id] = rows(connection, _LAST_CANCEL, (run.key,))[0][0]
    for id, payload, ended in (
        rows(connection, _ENDS, (json.dumps(list(wanted.ends)),)) if wanted.ends else ()
    ):
        found.runs[id].payload, found.runs[id].ended = loaded(connection, payload), ended
        known.runs.pop(id, None)  # a payload is not kept in memory
    if wanted.queues:
        found.queues.update({row.name: row for row in queues.read(connection, list(wanted.queues))})
    if wanted.last_times:
        found.last_times.update(history.last_times(connection, list(wanted.last_times)))
    for id in wanted.forgotten:
        if id in found.runs:
            found.needed_by[id] = needed_by(connection, found.runs[id].key)
    return found


def _read_messages(connection: apsw.Connection, wanted: Needs, found: Rows) -> None:
    runs = found.runs
    for run, id, *rest in rows(connection, _MESSAGES, (json.dumps(list(wanted.messages)),)):
        n, kind, taken, blob = rest
        found.inbox[run, id] = InboxRow(runs[run], n, kind, taken, blob=blob)
    for id, sent in wanted.signals.items():
        run = runs.get(id)
        if run is not None and run.unread + sent > SIGNALS_MAX:
            run.signals = rows(connection, _UNREAD_SIGNALS, (run.key,))[0][0]


def _read_waits(connection: apsw.Connection, wanted: Needs, found: Rows) -> None:
    """Also of which runs they are. Mostly none are open at all, and ends concern no others."""
    ends = wanted.ending if wanted.ending and rows(connection, _ANY_OPEN_WAITS) else {}
    here = rows(connection, _WAITS, (json.dumps(list(wanted.waits)),)) if wanted.waits else []
    for kind, targets in ((OUTCOME, ends), (ANSWER, wanted.answered | wanted.asked_before)):
        if targets:
            here += rows(connection, _WAITING_FOR, (kind, json.dumps(list(targets))))
    if wanted.asked_before:
        for target, at, digest, payload, state, by, _ in rows(
            connection, _GIVEN, (json.dumps(list(wanted.asked_before)),)
        ):
            if target not in found.given:
                payload = loaded(connection, payload)
                found.given[target] = Answer(target, at, digest, payload, state, by)
    if ends:
        children = rows(connection, _CHILDREN, (json.dumps(list(ends)),))
        here += children
        wanted.runs.update({str(target): None for _, _, _, target, *_ in children})
    for row in here:
        state = WaitState(*row)
        found.waits.setdefault((state.run, state.step), state)
        wanted.runs[state.run] = None


def _read_unheard(connection: apsw.Connection, wanted: Needs, found: Rows) -> None:
    for id in wanted.ending:
        run = found.runs.get(id)
        if run is not None and run.unread:
            for message, *row in rows(connection, _UNHEARD, (run.key,)):
                n, kind, blob = row
                there = found.inbox.setdefault((id, message), InboxRow(run, n, kind, blob=blob))
                found.unheard.setdefault(id, []).append(there)


# -- writing ------------------------------------------------------------------------------------------


def _apply(
    connection: apsw.Connection,
    depot: Depot,
    engine: str | None,
    changes: Changes,
    runs: Mapping[str, RunState],
) -> None:
    if changes.moved:
        moved = changes.moved.values()
        kept = [moved_row(run, stored(connection, run.payload, RUN_INLINE_MAX)) for run in moved]
        rows_of_each(connection, _MOVE, kept)
    if changes.new_runs:
        _add_runs(connection, engine, changes)
    if changes.entries:
        history.add(connection, _entry_rows(connection, changes.entries))
    for run, source, last in changes.copies:
        history.copy(connection, run.key, source, last)
        copy_names(connection, run.key, source)
    if changes.logs:
        lines = [(run.key, *astuple(line)[:-1]) for run, said in changes.logs for line in said]
        rows_of_each(connection, _ADD_LINE, lines)  # the number is given as it is inserted
    if changes.measures:
        points = [(*astuple(point)[:-1], run.id) for run, some in changes.measures for point in some]
        rows_of_each(connection, _ADD_MEASURE, points)
    for run, said in changes.progress.values():
        if said.payload:
            rows(connection, _KEEP_PROGRESS, (run.key, *astuple(said)))
        else:
            rows(connection, _FORGET_PROGRESS, (run.key, said.step))
    if changes.chunks:
        emitted = [(run.key, *astuple(chunk)[:-1]) for run, some in changes.chunks for chunk in some]
        rows_of_each(connection, _ADD_CHUNK, emitted)
    for run, value in changes.values.values():
        rows(connection, _PUBLISH, (run.key, *astuple(value)))
    if changes.inbox or changes.taken:
        _apply_messages(connection, changes)
    for run, name, starter in changes.renamed.values():
        rows(connection, _RENAME, (name, starter, run.key))
    if changes.attached:
        rows_of_each(connection, _ATTACH, [(engine, start, run.key) for run, start in changes.attached])
        rows_of_each(connection, _ATTACH_FAMILY, [(engine, run.id) for run, _ in changes.attached])
    if changes.waits or changes.answered:
        _apply_waits(connection, changes, runs)
    queues.change(connection, changes)
    if changes.ended and rows(connection, _ANY_WAITS):
        rows_of_each(connection, _END_WAITS, [(run.key, CLOSED) for run in changes.ended.values()])
    for run, payload in references(changes):
        name_values(connection, depot, run.key, payload)
    for run, move in changes.anew.values():
        args = move.again or b""
        begin_anew(connection, run.key, run.entries, move.at, stored(connection, args, RUN_INLINE_MAX))
        name_values(connection, depot, run.key, args)  # of the generation that begins
    for run in changes.forgotten:
        forget(connection, run.key)
    for act in changes.acts:
        rows(connection, SQL["audit"], act.columns())
    for row in (*changes.moved.values(), *changes.taken):  # they have let go of their payload
        if row.blob is not None:
            rows(connection, _FREE_BLOB, (row.blob,))


def _entry_rows(
    connection: apsw.Connection, entries: Sequence[tuple[RunState, tuple[Entry, ...]]]
) -> list[Row]:
    # Joined, because a list in between would double the time.
    found: list[Row] = [(run.key,) + astuple(entry) for run, some in entries for entry in some]  # noqa: RUF005
    if max([size(row[_PAYLOAD]) for row in found], default=0) > ENTRY_INLINE_MAX:
        for place, row in enumerate(found):
            payload = stored(connection, row[_PAYLOAD], ENTRY_INLINE_MAX)
            found[place] = (*row[:_PAYLOAD], payload, *row[_PAYLOAD + 1 :])
    return found


def _apply_messages(connection: apsw.Connection, changes: Changes) -> None:
    if changes.inbox:
        new = [
            message_row(row, stored(connection, payload_of(row), ENTRY_INLINE_MAX)) for row in changes.inbox
        ]
        rows_of_each(connection, _ADD_MESSAGE, new)
    if changes.taken:
        rows_of_each(connection, _TAKE, [(row.taken, row.run.key, row.n) for row in changes.taken])
    counts = [(run.messages, run.unread, run.key) for run in changes.counted.values()]
    rows_of_each(connection, _COUNT_MESSAGES, counts)
    if changes.told:
        rows_of_each(connection, _TELL, [(run.due, run.rank, run.key) for run in changes.told.values()])
    if changes.put_back:
        rows_of_each(connection, _PUT_BACK, [(run.key,) for run in changes.put_back.values()])


def _apply_waits(connection: apsw.Connection, changes: Changes, runs: Mapping[str, RunState]) -> None:
    rows_of_each(connection, _ADD_WAIT, wait_rows(changes, runs))
    rows_of_each(connection, _ANSWER_WAIT, answer_rows(changes, runs))


def _add_runs(connection: apsw.Connection, engine: str | None, changes: Changes) -> None:
    new_runs = changes.new_runs
    (last,) = rows(connection, _LAST_KEY)[0]
    for key, (_, run) in enumerate(new_runs, last + 1):
        run.key = key
    added: list[Row] = []
    for new, run in new_runs:
        args = stored(connection, new.args, RUN_INLINE_MAX)
        added.append(run_row(engine, new, run, args, stored(connection, run.payload, RUN_INLINE_MAX)))
    _ADD_RUN.insert(connection, added)
    if tags := tag_rows(changes):
        rows_of_each(connection, _ADD_TAG, tags)
