"""Tasks that wait for runs while they hold a slot of a queue, for which those may stand in line.

Then none of them goes on, which is told with the way out. Who waits is what the engines say in their rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..model import OUTCOME, EngineRow, Query, QueueRow, RunRow, State, read_engine_info, read_expected
from .queues import Held, held_in_queue
from .store_view import StoreView

_FOLLOWED = 100  # runs
_SHOWN = 3
_RUNNING = Query(states=frozenset({State.RUNNING}), limit=1000)


def held_by_circle(view: StoreView, row: RunRow, engines: Sequence[EngineRow]) -> Held | None:
    """Why a run that is due waits in its queue, see `held_in_queue`; also where that will never end."""
    held = held_in_queue(view, row, view.env.now())
    if held is None or held[0] != "queue-full":
        return held
    circle = _Circles(view, engines)
    if not circle.has(row):
        return held
    kind, what, line, fix = held
    holders = circle.holders(row)
    said = [f"run {each.id} ({_label(each)}) holds one" for each in holders[:_SHOWN]]
    what = f"{what} by runs that wait for what stands in its line: none of them goes on"
    more_slots = fix.removeprefix("wait, or ")
    return kind, what, (*said, *line), f"podium cancel {holders[0].id}  ends that; or {more_slots}"


def waits_in_tasks(view: StoreView, row: RunRow, engines: Sequence[EngineRow], where: str) -> Held | None:
    """What a run waits for whose tasks all wait for other runs; None: not so, as far as engines have told.
    `where`: it is driven."""
    circle = _Circles(view, engines)
    there = view.store.load_many(list(circle.awaited.get(row.id, ())))
    targets = [found for _, found in sorted(there.items()) if not found.state.is_final]
    if not targets:
        return None
    first, more = targets[0], [f"and for run {each.id} ({_label(each)})" for each in targets[1:_SHOWN]]
    what = f"its task waits for run {first.id} ({_label(first)}), which is {first.state}"
    if not circle.has(row):
        return "child", what, (where, *more), f"podium why {first.id}"
    if row.queue and row.queue == first.queue:
        what = f"{what}: in the line of queue {row.queue}, of which this run holds a slot"
    fix = f"podium cancel {row.id}  ends that"
    if row.queue:
        queue = next((each for each in view.store.queues() if each.name == row.queue), QueueRow(row.queue))
        most = queue.limits.concurrency
        fix += "" if most is None else f"; or podium queues set {row.queue} --concurrency {most + 1}"
    return "child", f"{what}; none of them goes on", (where, *more), fix


def _label(row: RunRow) -> str:
    return row.function.rpartition(":")[2]


class _Circles:
    """Follows who waits for whom, through queues that are full."""

    def __init__(self, view: StoreView, engines: Sequence[EngineRow]) -> None:
        self._view, self._now = view, view.env.now()
        self.awaited: Mapping[str, tuple[str, ...]] = {}
        for engine in engines:
            self.awaited = {**self.awaited, **read_engine_info(engine.info).awaiting}
        self._running: list[RunRow] | None = None

    def has(self, row: RunRow) -> bool:
        """Whether nothing that it waits for, in however many steps, can go on by itself."""
        if not self.awaited:  # as mostly: a look at the running ones is spared
            return False
        seen, left = {row.id: row}, [row]
        while left:
            needed = self._needed(left.pop())
            if not needed or len(seen) > _FOLLOWED:
                return False
            found = self._view.store.load_many([id for id in needed if id not in seen])
            if any(id not in seen and id not in found for id in needed):
                return False
            seen |= found
            left += found.values()
        return True

    def _needed(self, row: RunRow) -> Sequence[str]:
        """The runs of which one has to end before this one goes on; none: it can."""
        if row.state is State.RUNNING:
            return self.awaited.get(row.id, ())
        if row.state not in (State.QUEUED, State.WAITING):
            return ()
        if row.due is not None:
            held = held_in_queue(self._view, row, self._now) if row.due <= self._now else None
            is_full = held is not None and held[0] == "queue-full"
            return [each.id for each in self.holders(row)] if is_full else ()
        waits = self._view.store.open_waits(row.id, limit=_FOLLOWED)
        by_end = all(wait.kind == OUTCOME for wait in waits) and not read_expected(row.payload)
        return [wait.target for wait in waits] if by_end else ()

    def holders(self, row: RunRow) -> list[RunRow]:
        """Who has the slots that a run stands in line for; none where too many run to be looked at."""
        if self._running is None:
            found = self._view.store.find(_RUNNING)
            self._running = found if len(found) < _RUNNING.limit else []
        queue = next(
            (each for each in self._view.store.queues() if each.name == row.queue), QueueRow(row.queue)
        )
        return [
            each
            for each in self._running
            if each.queue == row.queue and (not queue.limits.per or each.lane == row.lane)
        ]
