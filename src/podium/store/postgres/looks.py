"""What a round of Writes is judged by, locked and read in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...model import SIGNALS_MAX, Answer
from ..admission import queue_row
from ..sets import InboxRow, Needs, Rows, RunState, WaitState
from .rows import STATES
from .statements import SQL, Row, Statement

# By the name of the statement the keys of `Needs` that it goes by; those that find more runs come first.
_FINDING = {
    "wanted_by_name": ("names",),
    "wanted_orphans": ("orphans",),
    "wanted_waiting": ("targets",),
    "wanted_children": ("ending",),
}
_READING = {
    "holders": ("names",),
    "orphans": ("orphans",),
    "calls": ("calls",),
    "messages": ("messages",),
    "unread_signals": ("signals",),
    "waits": ("waits",),
    "waiting_for": ("targets",),
    "given": ("asked_before",),
    "children": ("ending",),
    "unheard": ("ending",),
    "asked": ("parking",),
    "ends": ("ends",),
    "last_times": ("last_times",),
    "needed_by": ("forgotten",),
    "read_queues": ("changed_queues",),
}


class Looks:
    """The statements of one round, and what they have found.

    `runs`: what to lock, at the least. Others belong to them, such as the runs that wait for one that ends.
    They are found by a statement that locks them; what has been committed while it waited for a lock is seen
    by those that follow. They may then name runs that were not locked: see `locked`. `starts`: how many runs
    the round may start.
    """

    def __init__(self, engine: str | None, need: Needs, runs: set[str], starts: int) -> None:
        self._need = need
        self.locked: set[str] = set()
        self.new_keys: list[int] = []
        self._values = {"engine": engine, "runs": sorted(runs), "count": starts, **_values(need)}
        self._names: list[str] = []
        self.statements: list[Statement] = []
        if engine is not None:
            self._add("engine_lives")
        finding = [name for name, (key,) in _FINDING.items() if self._values[key]]
        if finding:
            pieces = " UNION ".join(SQL[name] for name in ("wanted_by_id", *finding))
            self._add("lock_wanted", pieces)
            self._add("wanted_runs", pieces)
        elif runs:
            self._add("lock_runs")
            self._add("runs")
        for name, (key,) in _READING.items():
            if self._values[key]:
                self._add(name)
        if self._values["count"]:
            self._add("new_keys")

    def _add(self, name: str, wanted: str = "") -> None:
        self._names.append(name)
        self.statements.append((SQL[name].replace("{wanted}", wanted), self._values))

    def read(self, answers: Sequence[list[Row]], skipped: int) -> Rows:
        """What was found. The first answers are of other statements."""
        found = Rows(lives=False, runs={})
        for name, rows in zip(self._names, answers[skipped:], strict=True):
            if name in ("lock_runs", "lock_wanted"):
                self.locked = {id for (id,) in rows}
            elif name == "new_keys":
                self.new_keys = [key for (key,) in rows]
            else:
                _TAKE[name](self._need, found, rows)
        return found


def _values(need: Needs) -> dict[str, Any]:
    """What the statements go by."""
    names, orphans = list(need.names), list(need.orphans)
    return {
        "names": [name for _, name in names],
        "projects": [project for project, _ in names],
        "orphans": orphans,
        "functions": [function for function, _, _ in orphans],
        "digests": [digest for _, digest, _ in orphans],
        "starters": [starter for _, _, starter in orphans],
        "limits": list(need.orphans.values()),
        "targets": [*need.ending, *need.answered, *need.asked_before],
        "ending": list(need.ending),
        "parking": list(need.parking),
        "answered": [*need.answered, *need.asked_before],
        "asked_before": list(need.asked_before),
        "calls": list(need.calls),
        "messages": list(need.messages),
        "message_runs": [run for run, _ in need.messages],
        "message_ids": [id for _, id in need.messages],
        "signals": list(need.signals),
        "signalled": list(need.signals),
        "signals_few": SIGNALS_MAX - max(need.signals.values(), default=0),
        "waits": list(need.waits),
        "wait_runs": [run for run, _ in need.waits],
        "wait_steps": [step for _, step in need.waits],
        "ends": list(need.ends),
        "last_times": list(need.last_times),
        "forgotten": list(need.forgotten),
        "changed_queues": list(need.queues),
    }


# Each statement sees a later moment than the one before it. A run that has come between them is none yet:
# what it waits for, or is sent, has then happened after this commit. What concerns locked runs cannot change.


def _lives(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    found.lives = bool(rows)


def _runs(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for id, state, *rest in rows:
        found.runs[id] = run = RunState(id, STATES[state], *rest)
        run.signals = run.unread  # not more than that


def _holders(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for project, name, id in rows:
        if id in found.runs:
            found.holders[project, name] = id


def _orphans(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for function, digest, starter, id in rows:
        if id in found.runs:
            found.orphans.setdefault((function, digest, starter), []).append(id)


def _calls(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    found.calls.update({id: (function, digest, project) for id, function, digest, project in rows})


def _messages(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for run, id, n, kind, taken in rows:
        if run in found.runs:
            found.inbox[run, id] = InboxRow(found.runs[run], n, kind, taken)


def _signals(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for run, count in rows:
        if run in found.runs:
            found.runs[run].signals = count


def _waits(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for row in rows:
        if row[0] in found.runs:
            found.waits.setdefault((row[0], row[1]), WaitState(*row))


def _given(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for target, at, digest, payload, state, by, _run in rows:
        found.given.setdefault(target, Answer(target, at, digest, payload, state, by))


def _unheard(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for run, id, n, kind in rows:
        there = found.inbox.setdefault((run, id), InboxRow(found.runs[run], n, kind))
        found.unheard.setdefault(run, []).append(there)


def _asked(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    found.asked.update(dict(rows))


def _ends(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for id, payload, ended in rows:
        if id in found.runs:
            found.runs[id].payload, found.runs[id].ended = payload, ended


def _last_times(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    found.last_times.update(dict(rows))


def _needed_by(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    for id, other in rows:
        found.needed_by.setdefault(id, other)


def _queues(_: Needs, found: Rows, rows: Sequence[Row]) -> None:
    found.queues.update({row.name: row for row in map(queue_row, rows)})


_TAKE = {
    "engine_lives": _lives,
    "runs": _runs,
    "wanted_runs": _runs,
    "holders": _holders,
    "orphans": _orphans,
    "calls": _calls,
    "messages": _messages,
    "unread_signals": _signals,
    "waits": _waits,
    "waiting_for": _waits,
    "given": _given,
    "children": _waits,
    "unheard": _unheard,
    "asked": _asked,
    "ends": _ends,
    "last_times": _last_times,
    "needed_by": _needed_by,
    "read_queues": _queues,
}
