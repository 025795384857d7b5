"""What a judged round changes, as statements over arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import astuple

from ...codec import names_in
from ...depot import Depot
from ...model import AuditRow, Entry, LogLine
from ..columns import answer_rows, message_row, moved_row, payload_of, run_row, tag_rows, wait_rows
from ..sets import CLOSED, Changes, RunState, references
from .binding import columns
from .queues import values_of
from .statements import SQL, Row, Statement

ENTRY = "run seq kind at step digest payload began attempt due module name policy"
LINE = "run step attempt at level text"
RUN = (
    "key id state token owner due messages unread created began started ended function digest fingerprint"
    " project queue lane rank starter starter_engine unique_name origin parent root seed copied context tags"
    " args payload generation base"
)
_MESSAGE = "run n id kind name state sender digest at taken payload"
_MEASURE = "series at value tags step attempt ordinal generation run"
_WAIT = "run step target kind prompt schema to due cancels about taken by digest"
_ACT = "at by role verb target said address outcome run"
_FORGET = (
    "forget_history", "forget_logs", "forget_steps_progress", "forget_streams", "forget_values",
    "forget_losses", "forget_inbox", "forget_waits", "forget_tags", "forget_value_names", "forget_runs",
)  # fmt: skip


def changes_of(
    depot: Depot, engine: str | None, changes: Changes, runs: Mapping[str, RunState], new_keys: Sequence[int]
) -> list[Statement]:
    """In the order in which they are to be made. `new_keys`: at least one for each new run.

    Raises NotThere where a payload names a value that is not in the depot.
    """
    found: list[Statement] = []

    def add(name: str, names: str, many: Sequence[Row]) -> None:
        if many:
            found.append((SQL[name], columns(names, many)))

    moved = [moved_row(run, run.payload) for run in changes.moved.values()]
    add("move", "state payload due forgiven fingerprint ended key rank", moved)
    for (_, run), key in zip(changes.new_runs, new_keys, strict=False):
        run.key = key
    new_runs = [run_row(engine, new, run, new.args, run.payload) for new, run in changes.new_runs]
    add("add_runs", RUN, new_runs)
    add("add_tags", "tag run", tag_rows(changes))
    add("add_entries", ENTRY, list(_entries((run.key, entries) for run, entries in changes.entries)))
    for run, source, last in changes.copies:
        found.append((SQL["copy_history"], {"key": run.key, "source": source, "last": last}))
        found.append((SQL["copy_value_names"], {"key": run.key, "source": source}))
    add("add_lines", LINE, [_line(run.key, line) for run, lines in changes.logs for line in lines])
    points = [(*astuple(point)[:-1], run.id) for run, some in changes.measures for point in some]
    add("add_measures", _MEASURE, points)
    chunks = [(run.key, *astuple(chunk)[:-1]) for run, some in changes.chunks for chunk in some]
    add("add_chunks", "run name payload at step attempt turn ordinal", chunks)
    values = [(run.key, *astuple(value)) for run, value in changes.values.values()]
    add("publish", "run name payload at step attempt turn", values)
    said = changes.progress.values()
    kept = [(run.key, *astuple(one)) for run, one in said if one.payload]
    add("keep_progress", "run step attempt at payload", kept)
    add("forget_progress", "run step", [(run.key, one.step) for run, one in said if not one.payload])
    add("add_messages", _MESSAGE, [message_row(row, payload_of(row)) for row in changes.inbox])
    add("take", "taken run n", [(row.taken, row.run.key, row.n) for row in changes.taken])
    counted = changes.counted.values()
    add("count_messages", "messages unread key", [(run.messages, run.unread, run.key) for run in counted])
    add("tell", "due rank key", [(run.due, run.rank, run.key) for run in changes.told.values()])
    add("put_back", "key", [(run.key,) for run in changes.put_back.values()])
    found += _named(depot, [(run.key, payload) for run, payload in references(changes)])
    return found + _rare(depot, engine, changes, runs)


def _named(depot: Depot, stored: Iterable[tuple[Any, bytes]]) -> list[Statement]:
    """That runs name the values of the depot that their payloads name."""
    named = dict.fromkeys([(key, name) for key, payload in stored for name in names_in(payload)])
    for _, name in named:
        depot.check(name)
    return [(SQL["name_values"], columns("run name", list(named)))] if named else []


def _rare(
    depot: Depot, engine: str | None, changes: Changes, runs: Mapping[str, RunState]
) -> list[Statement]:
    """What few rounds change."""
    found: list[Statement] = [(SQL["put_queue"], values_of(queue)) for queue in changes.queues.values()]
    for (queue, lane), until in changes.held.items():
        found.append((SQL["hold_lane"], {"queue": queue, "lane": lane, "until": until}))
    for run, name, starter in changes.renamed.values():
        found.append((SQL["rename"], {"function": name, "starter": starter, "key": run.key}))
    for run, start in changes.attached:
        found.append((SQL["attach"], {"engine": engine, "start": start, "key": run.key}))
        found.append((SQL["attach_family"], {"engine": engine, "root": run.id}))
    if waits := wait_rows(changes, runs):
        found.append((SQL["add_waits"], columns(_WAIT, waits)))
    if answered := answer_rows(changes, runs):
        found.append((SQL["answer_waits"], columns("taken by digest run step", answered)))
    if changes.ended:
        keys = [run.key for run in changes.ended.values()]
        found.append((SQL["end_waits"], {"keys": keys, "closed": CLOSED}))
    for run, move in changes.anew.values():
        found += _anew(run, move.at, move.again or b"")
        found += _named(depot, [(run.key, move.again or b"")])  # of the generation that begins
    if changes.forgotten:
        keys = {"keys": [run.key for run in changes.forgotten]}
        found += [(SQL[name], keys) for name in _FORGET]
    if changes.acts:
        found += recording(changes.acts)
    return found


def recording(acts: Sequence[AuditRow]) -> list[Statement]:
    """Put these rows on the audit; the last statement gives their numbers."""
    return [(SQL["audit_lock"], {}), (SQL["audit"], columns(_ACT, [act.columns() for act in acts]))]


def _anew(run: RunState, at: float | None, args: bytes) -> list[Statement]:
    """The next generation begins. Of the one that ends all is kept but what its steps waited for and said of
    their progress; of the one before it nothing."""
    one = {"key": run.key, "keys": [run.key], "base": run.entries, "at": at, "args": args}
    return [
        (SQL[name], one)
        for name in (
            "forget_former_history", "forget_former_logs", "forget_former_streams", "forget_steps_progress",
            "forget_waits", "forget_former_value_names", "begin_anew",
        )
    ]  # fmt: skip


def _entries(found: Iterable[tuple[Any, tuple[Entry, ...]]]) -> Iterable[Row]:
    for key, entries in found:
        for entry in entries:
            yield (key, *astuple(entry))


def _line(key: Any, line: LogLine) -> Row:
    """A line, behind whatever says whose it is; its number is given as it is inserted."""
    return (key, line.step, line.attempt, line.at, line.level, line.text.encode())
