"""Queues and lanes, and what lies in line there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...model import LaneRow, QueueLimits, QueueRow, TaskSlots
from ..admission import Admitted, Candidate, Choice, Limits, admit, queue_row
from .binding import columns
from .statements import SQL, Connection, Row, Statement, trip

_CLOCKS_APART = 0.02  # s, at most, of processes that go by the server's clock
_CODE = "queues functions codes projects"


class InLine(NamedTuple):
    """What of queues a claim might have: (queue, code), or runs where these are named."""

    lines: Sequence[Row] = ()  # queue, function, fingerprint, project
    named: Sequence[Candidate] = ()

    @property
    def queues(self) -> list[str]:
        """Their names, in the order in which they are locked."""
        return sorted({queue for queue, *_ in self.lines} | {run.queue for run in self.named})


def soon(now: float) -> float:
    """Until when what may begin at once is due, see `is_due` among the statements."""
    return now + _CLOCKS_APART


def values_of(queue: QueueRow) -> dict[str, Any]:
    """What `put_queue` puts."""
    limits, code = queue.limits, queue.declared or QueueLimits()
    return {
        "name": queue.name, "concurrency": limits.concurrency, "rate": limits.rate, "per": limits.per,
        "declared": queue.declared is not None, "declared_concurrency": code.concurrency,
        "declared_rate": code.rate, "declared_by": queue.declared_by,
        "declared_at": float(queue.declared_at), "set_by": queue.set_by, "set_at": float(queue.set_at),
        "paused": queue.paused,
    }  # fmt: skip


def admitted(
    connection: Connection, found: InLine, room: int, now: float, tasks: TaskSlots, lock: bool
) -> Admitted:
    """Which runs of queues a claim may have. `lock`: until the commit no other claim counts these slots."""
    if not found.queues:
        return Admitted([], [], {}, None)
    names = {"names": found.queues}
    statements: list[Statement] = [(SQL["lock_queues"], names)] if lock else []
    statements += [(SQL["queue_rows"], names), (SQL["lane_rows"], names), (SQL["slots_held"], names)]
    codes = columns(_CODE, found.lines) if found.lines else {}
    if codes:
        more = {**codes, "now": now, "soon": soon(now), "limit": room}
        statements += [
            (SQL[name], more) for name in ("lanes_in_line", "offered_past_limits", "next_in_queues")
        ]
    rows, lanes, held, *rest = trip(connection, statements)[lock:]
    owned = {(queue, lane): count for queue, lane, count in held}
    limits = Limits(map(queue_row, rows), [LaneRow(*lane) for lane in lanes], owned, now)
    if not codes:
        return admit(limits, found.named, room, now, tasks)
    in_line, past, ((due,),) = rest
    choice = limits.choose(dict.fromkeys((queue, lane) for queue, lane, *_ in in_line), room, now)
    offered = [Candidate(*run) for run in past] + _offered(connection, in_line, choice, now)
    return admit(limits, list(dict.fromkeys(offered)), room, now, tasks, choice).or_at(due)


def _offered(connection: Connection, in_line: Sequence[Row], choice: Choice, now: float) -> list[Candidate]:
    asked = [line for line in in_line if line[:2] in choice.lanes]
    if not asked:
        return []
    values = {
        **columns("queues lanes functions codes projects", asked),
        "now": now,
        "soon": soon(now),
        "quota": choice.quota,
    }
    (found,) = trip(connection, [(SQL["offered_in_lanes"], values)])
    return [Candidate(*run) for run in found]


def taking(admission: Admitted, functions: Mapping[str, str], wanted: Mapping[str, Any]) -> list[Statement]:
    """Claims what is admitted, whose rows come first, and notes that its lanes were served."""
    owns = [functions[run.function] for run in admission.runs]
    claim = {**wanted, "keys": [run.key for run in admission.runs], "owns": owns}
    statements: list[Statement] = [(SQL["admitted"] + SQL["claim"], claim)]
    if admission.lanes:
        served = [(lane.queue, lane.key, lane.served, lane.next) for lane in admission.lanes]
        statements.append((SQL["serve_lanes"], columns("queue key served next", served)))
    if admission.queues:
        paced = [(next, name) for name, next in admission.queues.items()]
        statements.append((SQL["pace_queues"], columns("next name", paced)))
    return statements
