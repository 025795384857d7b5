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


Held = tuple[str, str, tuple[str, ...], str]  # kind, what, details, fix of the cause


def held_in_queue(view: StoreView, row: RunRow, now: float) -> Held | None:
    """Why a run that is due waits in its queue; None: not for it."""
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
    none = LaneDepth(row.queue, row.lane, 0, 0, 0, None)  # it has left it since
    own = next((lane for lane in lanes if lane.key == row.lane), none)
    if queue.limits.per:
        lanes = [own]
    running, most = sum(lane.running for lane in lanes), queue.limits.concurrency
    queued = sum(lane.queued for lane in lanes) - (row.state is State.QUEUED)
    line = (f"{queued:,} others have not begun there",) if queued > 0 else ()
    if most is not None and running >= most:
        what = f"{_named(queue, row)} is full: {running:,} of {most:,} slots are held"
        return "queue-full", what, line, f"wait, or podium queues set {row.queue} --concurrency {most + 1}"
    return _not_before(queue, own, row, now, line)


def _not_before(
    queue: QueueRow, lane: LaneDepth, row: RunRow, now: float, line: tuple[str, ...]
) -> Held | None:
    """What lets nothing begin before a time: the rate of the queue or of its key, or a task's RetryAfter."""
    pace, per = pace_of(queue.limits.rate), queue.limits.per
    of_queue = queue.next if pace is not None and not per else 0.0
    until = max(of_queue, lane.next)
    if until <= now:
        return None
    in_line, then = _named(queue, row), span(until - now)
    by_key = pace is not None and per and not lane.held_by and until - now <= pace.interval
    if of_queue >= lane.next or by_key:
        what = f"{in_line} has its rate, {queue.limits.rate}: the next one begins in {then}"
        return "queue-rate", what, line, ""
    if not per and row.lane:
        in_line = f"queue {row.queue}, key {row.lane},"
    if lane.held_by or pace is None or not per:
        what = f"{in_line} is held by a task's RetryAfter: the next one begins in {then}"
        by = (f"run {lane.held_by} has asked for that, and is tried again then",) if lane.held_by else ()
        return "queue-held", what, (*by, *line), ""
    # The run that asked is gone, or the rate was lower when the last one began: the lane does not tell which.
    what = f"{in_line} is held by the RetryAfter of a task that is gone, or by a rate that it had before"
    return "queue-held", f"{what}: the next one begins in {then}", line, ""


def _named(queue: QueueRow, row: RunRow) -> str:
    """Where the limits of its queue hold for a run."""
    per = queue.limits.per
    return f"queue {row.queue}, {per} {row.lane}," if per else f"queue {row.queue}"
