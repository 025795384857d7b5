"""The queues and lanes of this file, and what lies in line there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw

from ...model import LaneDepth, LaneRow, QueueLimits, QueueRow, TaskSlots
from ..admission import Admitted, Candidate, Limits, Place, admit, queue_row
from ..sets import Changes
from .statements import SQL, Row, rows, rows_of_each


def read(connection: apsw.Connection, names: Sequence[str] | None = None) -> list[QueueRow]:
    """The rows of these queues; None: of all, by name."""
    if names is None:
        return list(map(queue_row, rows(connection, SQL["all_queues"])))
    return list(map(queue_row, rows(connection, SQL["queue_rows"], (json.dumps(list(names)),))))


def depths(connection: apsw.Connection) -> list[LaneDepth]:
    """How much lies in each line that is not empty."""
    return [LaneDepth(*row) for row in rows(connection, SQL["depths"])]


def change(connection: apsw.Connection, changes: Changes) -> None:
    """Apply what a round has made of queues."""
    for queue in changes.queues.values():
        rows(connection, SQL["put_queue"], _values(queue))
    for (queue, lane), until in changes.held.items():
        rows(connection, SQL["hold_lane"], (queue, lane, until))


def admitted(
    connection: apsw.Connection,
    wanted: dict[str, Any],
    serves: frozenset[str] | None,
    tasks: TaskSlots,
    room: int,
) -> Admitted:
    """Which runs of queues a claim may have: by `wanted`, of those queues that the engine serves."""
    now = wanted["now"]
    if wanted["runs"] is not None:
        found = [Candidate(*row) for row in rows(connection, SQL["offered_among"], wanted)]
        found = [run for run in found if serves is None or run.queue in serves]
        limits = _limits(
            connection, {run.queue for run in found}, {(run.queue, run.lane) for run in found}, now
        )
        return admit(limits, found, room, now, tasks)
    lines = rows(connection, SQL["queues_in_line"], wanted)
    lines = [line for line in lines if serves is None or line[0] in serves]
    if not lines:
        return Admitted([], [], {}, None)
    queues = json.dumps([[queue, json.loads(code)] for queue, code in lines])
    lanes = rows(connection, SQL["lanes_in_line"], {"queues": queues})
    limits = _limits(
        connection, {queue for queue, _ in lines}, {(queue, lane) for queue, lane, _ in lanes}, now
    )
    choice = limits.choose(dict.fromkeys((queue, lane) for queue, lane, _ in lanes), room, now)
    asked = [[queue, lane, json.loads(code)] for queue, lane, code in lanes if (queue, lane) in choice.lanes]
    values = {"lanes": json.dumps(asked), "now": now, "quota": choice.quota}
    found = [Candidate(*row) for row in rows(connection, SQL["offered_in_lanes"], values)] if asked else []
    stopping = {"queues": queues, "now": now, "limit": room}
    found += [Candidate(*row) for row in rows(connection, SQL["offered_past_limits"], stopping)]
    admission = admit(limits, list(dict.fromkeys(found)), room, now, tasks, choice)
    due = rows(connection, SQL["next_in_queues"], {"queues": queues, "now": now})[0][0]
    return admission.or_at(due)


def _limits(connection: apsw.Connection, queues: set[str], lanes: set[Place], now: float) -> Limits:
    names = json.dumps(sorted(queues))
    owned = {(queue, lane): count for queue, lane, count in rows(connection, SQL["slots_held"], (names,))}
    served = [LaneRow(*row) for row in rows(connection, SQL["lane_rows"], (json.dumps(sorted(lanes)),))]
    return Limits(read(connection, sorted(queues)), served, owned, now)


def serve(connection: apsw.Connection, admission: Admitted) -> None:
    """The lanes have been served."""
    rows_of_each(connection, SQL["serve_lane"], [(*_lane(lane),) for lane in admission.lanes])
    rows_of_each(connection, SQL["pace_queue"], [(next, name) for name, next in admission.queues.items()])


def _lane(lane: LaneRow) -> Row:
    return lane.queue, lane.key, lane.served, lane.next


def _values(queue: QueueRow) -> Row:
    limits, code = queue.limits, queue.declared or QueueLimits()
    return (
        queue.name, limits.concurrency, limits.rate, limits.per, queue.declared is not None, code.concurrency,
        code.rate, queue.declared_by, queue.declared_at, queue.set_by, queue.set_at, queue.paused,
    )  # fmt: skip
