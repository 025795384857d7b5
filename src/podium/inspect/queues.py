"""How queues stand: their limits, what lies in their lines, who serves them; and why a run waits in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ..model import EngineRow, LaneDepth, QueueRow, RunRow, State, pace_of, read_engine_info
from .dates import iso
from .durations import span
from .store_view import StoreView
from .undriven import has_function, living

LANES_SHOWN = 100


class LaneShape(msgspec.Struct, frozen=True):
    """One key's line."""

    key: str
    queued: int
    waiting: int
    running: int


class QueueShape(msgspec.Struct, frozen=True):
    """A queue, for programs. `concurrency` and `rate` hold; "" and None: no limit."""

    name: str
    concurrency: int | None
    rate: str
    per: str
    paused: bool
    set_by: str | None  # the operator whose limits hold; None: the code's do
    declared: bool  # by code
    declared_concurrency: int | None
    declared_rate: str
    declared_by: str
    queued: int  # runs that have not begun
    waiting: int  # that have begun, and wait to go on, or to be tried again
    running: int  # that an engine owns: the slots that are held
    oldest: str | None  # since when the first queued run is due
    lanes: list[LaneShape]  # the longest of them, at most a hundred
    lane_count: int
    workers: list[str]  # live engines that serve it


def serves(engine: EngineRow, queue: str) -> bool:
    """Whether an engine takes runs of this queue; "": of none."""
    names = read_engine_info(engine.info).queues
    return names is None or queue in names


def queue_shapes(view: StoreView, names: Iterable[str] | None = None) -> list[QueueShape]:
    """The queues that are declared, set or in use, by name; or these of them."""
    rows = {row.name: row for row in view.store.queues()}
    lanes: dict[str, list[LaneDepth]] = {}
    for lane in view.store.lanes():
        lanes.setdefault(lane.queue, []).append(lane)
    alive = living(view)
    wanted = sorted({*rows, *lanes} if names is None else set(names) & {*rows, *lanes})
    return [_shape(rows.get(name) or QueueRow(name), lanes.get(name, []), alive) for name in wanted]


def _shape(row: QueueRow, lanes: Sequence[LaneDepth], alive: Sequence[EngineRow]) -> QueueShape:
    oldest = min((lane.oldest for lane in lanes if lane.oldest is not None), default=None)
    longest = sorted(lanes, key=lambda lane: (-lane.queued - lane.waiting - lane.running, lane.key))
    declared = row.declared
    return QueueShape(
        name=row.name,
        concurrency=row.limits.concurrency,
        rate=row.limits.rate,
        per=row.limits.per,
        paused=row.paused,
        set_by=row.set_by,
        declared=declared is not None,
        declared_concurrency=declared.concurrency if declared else None,
        declared_rate=declared.rate if declared else "",
        declared_by=row.declared_by,
        queued=sum(lane.queued for lane in lanes),
        waiting=sum(lane.waiting for lane in lanes),
        running=sum(lane.running for lane in lanes),
        oldest=None if oldest is None else iso(oldest),
        lanes=[
            LaneShape(lane.key, lane.queued, lane.waiting, lane.running) for lane in longest[:LANES_SHOWN]
        ],
        lane_count=len(lanes),
        workers=[engine.id for engine in alive if serves(engine, row.name)],
    )


def held_in_queue(view: StoreView, row: RunRow, now: float) -> tuple[str, str, tuple[str, ...], str] | None:
    """Why a run that is due waits in its queue: kind, what, details, fix of the cause; None: not for it."""
    if not row.queue:
        return None
    queue = next((each for each in view.store.queues() if each.name == row.queue), QueueRow(row.queue))
    having = [engine for engine in living(view) if has_function(engine, row)]
    if having and not any(serves(engine, row.queue) for engine in having):
        what = f"no live worker serves queue {row.queue}"
        return "queue-unserved", what, (), f"podium worker -q {row.queue} …"
    if queue.paused:
        return "queue-paused", f"queue {row.queue} is paused", (), f"podium queues resume {row.queue}"
    lanes = [lane for lane in view.store.lanes() if lane.queue == row.queue]
    if queue.limits.per:
        lanes = [lane for lane in lanes if lane.key == row.lane]
    running, most = sum(lane.running for lane in lanes), queue.limits.concurrency
    of = f"queue {row.queue}" + (f", {queue.limits.per} {row.lane}," if queue.limits.per else "")
    queued = sum(lane.queued for lane in lanes) - (row.state is State.QUEUED)
    line = (f"{queued:,} others have not begun there",) if queued > 0 else ()
    if most is not None and running >= most:
        what = f"{of} is full: {running:,} of {most:,} slots are held"
        return "queue-full", what, line, f"wait, or podium queues set {row.queue} --concurrency {most + 1}"
    if pace_of(queue.limits.rate) is not None and queue.next > now:
        what = f"{of} has its rate, {queue.limits.rate}: the next one begins in {span(queue.next - now)}"
        return "queue-rate", what, line, ""
    return None
