"""Which runs of the queues a claim may have.

Pure: a backend reads what lies in line, how full the queues are and when each lane was served; `admit` says
which runs are taken, and what becomes of the lanes. A slot is held by owning a run, so there is none to leak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..model import LaneRow, Pace, QueueLimits, QueueRow, TaskSlots, pace_of

PAST_LIMITS = -1.0  # rank of a run that was asked to stop: it is claimed however full its queue is
_TICK = 1e-6  # s between lanes that one claim serves: so that they keep their order
Place = tuple[str, str]  # queue, lane


class Candidate(NamedTuple):
    """A run of a queue that is due, of code that the engine may take."""

    key: Any  # the backend's own
    function: str
    fingerprint: str
    queue: str
    lane: str
    state: str
    rank: float


def queue_row(row: tuple[Any, ...]) -> QueueRow:
    """A row of `queues`, of either backend."""
    (
        name,
        concurrency,
        rate,
        per,
        is_declared,
        code_concurrency,
        code_rate,
        by,
        at,
        set_by,
        set_at,
        paused,
        next,
    ) = row
    declared = QueueLimits(code_concurrency, code_rate, per) if is_declared else None
    limits = QueueLimits(concurrency, rate, per)
    return QueueRow(name, limits, declared, by, at, set_by, set_at, bool(paused), next)


class Line(msgspec.Struct):
    """One queue, or one lane of it, while runs are admitted."""

    owned: int = 0
    served: float = 0.0
    next: float = 0.0


class Admitted(NamedTuple):
    """What a claim takes."""

    runs: list[Candidate]
    lanes: list[LaneRow]  # as they are from now on
    queues: dict[str, float]  # when something that their rates count may begin next
    next: float | None  # when more may be admitted, by a rate; None: when a slot is free, or more comes

    def or_at(self, *times: float | None) -> Admitted:
        """The same, which may have more at one of these times."""
        return self._replace(next=min([at for at in (self.next, *times) if at is not None], default=None))


class Choice(NamedTuple):
    """The lanes that are looked into, and how many runs of each state and code are read there at most."""

    lanes: frozenset[Place]
    quota: int
    are_all: bool  # no other lane has room now
    next: float | None  # when the rate of one of the others lets something begin


class Limits:
    """The queues of one claim, and how full they are."""

    def __init__(
        self, rows: Iterable[QueueRow], lanes: Iterable[LaneRow], owned: Mapping[Place, int], now: float
    ) -> None:
        self._rows = {row.name: row for row in rows}
        self._paces = {name: pace_of(row.limits.rate) for name, row in self._rows.items()}
        self._lanes = {(row.queue, row.key): Line(0, row.served, row.next) for row in lanes}
        self._queues = {name: Line(0, 0.0, row.next) for name, row in self._rows.items()}
        for (queue, key), count in owned.items():
            self.lane(queue, key).owned = count
            self._queue(queue).owned += count
        self._now = now
        self._last = max([now, *(line.served for line in self._lanes.values())])

    def lane(self, queue: str, key: str) -> Line:
        """The lane, which may be new."""
        return self._lanes.setdefault((queue, key), Line())

    def _queue(self, queue: str) -> Line:
        return self._queues.setdefault(queue, Line())

    def row(self, queue: str) -> QueueRow:
        """Its row; one that nobody has declared has no limits."""
        return self._rows.get(queue) or QueueRow(queue)

    def _limited(self, queue: str, key: str) -> Line:
        """Where the limits of the queue count."""
        return self.lane(queue, key) if self.row(queue).limits.per else self._queue(queue)

    def free(self, queue: str, key: str) -> float:
        """How many more of its runs may be owned."""
        row = self.row(queue)
        if row.paused:
            return 0
        most = row.limits.concurrency
        return float("inf") if most is None else max(0, most - self._limited(queue, key).owned)

    def not_before(self, queue: str, key: str) -> float:
        """When something that its rate counts may begin."""
        limited = self._limited(queue, key) if self._paces.get(queue) else Line()
        return max(limited.next, self.lane(queue, key).next)

    def choose(self, lanes: Iterable[Place], room: int, now: float) -> Choice:
        """Which of the lanes with something in line to look into: those with room that were served longest
        ago. What a rate holds is looked into after them: what comes back there may go on all the same."""
        free = {place: self.not_before(*place) for place in lanes if self.free(*place) >= 1}
        held = [at for at in free.values() if at > now]
        order = sorted(free, key=lambda place: (free[place] > now, self.lane(*place).served, place))
        chosen = frozenset(order[:room])
        quota = -(-room // max(1, min(room, len(free) - len(held))))
        return Choice(chosen, quota, len(free) - len(held) <= room, min(held, default=None))

    def take(self, queue: str, key: str, counts: bool) -> None:
        """A run of it is owned from now on; `counts`: for its rate, too."""
        lane, limited = self.lane(queue, key), self._limited(queue, key)
        limited.owned += 1
        self._last += _TICK
        lane.served = self._last
        pace: Pace | None = self._paces.get(queue)
        if counts and pace is not None:
            limited.next = pace.after(limited.next, self._now)

    def paced(self, queues: Iterable[str]) -> dict[str, float]:
        """When the next run of these queues may begin, of those whose rate is of the whole queue."""
        return {name: self._queues[name].next for name in queues if self._paces.get(name)}


def admit(
    limits: Limits,
    offered: Sequence[Candidate],
    room: int,
    now: float,
    tasks: TaskSlots,
    choice: Choice | None = None,
) -> Admitted:
    """Take up to `room` of what is offered: of the lanes with room the one served longest ago, in it first
    what comes back, then in the order of ranks.

    `tasks`: functions whose every claim is an attempt, which the rate counts, and which takes a slot of the
    engine: those for which it has none are left to others. Of other functions the rate counts the start.
    `choice`: by which lanes were looked into, unless all that there is was offered.
    """
    waiting: dict[Place, list[Candidate]] = {}
    count: Counter[Place] = Counter()
    taken: list[Candidate] = []
    for run in sorted(offered, key=_order, reverse=True):
        if run.rank == PAST_LIMITS:
            if len(taken) < room:
                taken.append(run)
        else:
            waiting.setdefault((run.queue, run.lane), []).append(run)  # the first is the last
    nexts: list[float] = []
    free = dict(tasks.free)
    while waiting and len(taken) < room:
        place = min(waiting, key=lambda place: (limits.lane(*place).served, place))
        line = waiting[place]
        run = line.pop()
        if not line:
            del waiting[place]
        executor = tasks.executors.get(run.function)
        if executor in free and free[executor] < 1:
            continue
        counts = run.state == "queued" or executor is not None
        begins = limits.not_before(*place)
        if limits.free(*place) < 1:
            waiting.pop(place, None)
        elif counts and begins > now:
            nexts.append(begins)
        else:
            limits.take(*place, counts)
            if executor in free:
                free[executor] -= 1
            count[place] += 1
            taken.append(run)
    rows = [LaneRow(*place, limits.lane(*place).served, limits.lane(*place).next) for place in sorted(count)]
    admitted = Admitted(taken, rows, limits.paced({queue for queue, _ in count}), min(nexts, default=None))
    if choice is None:
        return admitted
    has_more = len(taken) < room and (
        not choice.are_all or any(number >= choice.quota for number in count.values())
    )
    return admitted.or_at(choice.next, now if has_more and taken else None)


def _order(run: Candidate) -> tuple[bool, float, Any]:
    return run.state == "queued", run.rank, run.key
