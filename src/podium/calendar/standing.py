"""What is to be started now, by a schedule and by what it has done so far: overlap and catch-up. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any

import msgspec

from .schedule import CATCH_UP_MAX, Schedule

LATE_SECONDS = 60.0  # an instant that nobody has started by then, or by half way to the next one, is missed
LOOK_SECONDS = 2.0  # between looks at a run that others wait for, at most, and for code that is gone
LOOK_SECONDS_MIN = 0.1
LISTED_MAX = 50  # missed and skipped instants that are listed; all are counted


class Standing(msgspec.Struct, frozen=True):
    """What a schedule has done so far: its run carries it from one instant to the next. UTC seconds."""

    handled: float  # up to here every instant was started, missed or skipped
    due: float  # when to look next
    last_run: str = ""  # that it has started
    pending: tuple[float, ...] = ()  # in line, until the last run has ended
    started: int = 0
    missed: int = 0  # instants at which nobody was there, and that nothing made up for
    skipped: int = 0  # instants at which the last run had not ended
    missed_at: tuple[float, ...] = ()  # the newest of both
    skipped_at: tuple[float, ...] = ()  # those of these that were skipped
    held: str = ""  # why nothing is started
    paused: bool = False
    watched: tuple[float, ...] = ()  # instants whose runs are to end in time
    watched_to: float = 0.0  # up to here every instant was put there

    def replace(self, **changed: Any) -> Standing:
        """The same but for these."""
        return msgspec.structs.replace(self, **changed)


def begun(schedule: Schedule, now: float) -> Standing:
    """Of a schedule that begins now: what came before is none of its."""
    return Standing(handled=now, due=schedule.next(now))


def held(schedule: Schedule, standing: Standing, now: float, why: str) -> Standing:
    """Nothing can be started: what comes due meanwhile is made up for when it can, as its policy says."""
    return standing.replace(held=why, due=min(schedule.next(now), now + 10 * LOOK_SECONDS))


def decide(
    schedule: Schedule,
    standing: Standing,
    now: float,
    is_running: bool,
    begun: Collection[float] = (),
    pause: float = LOOK_SECONDS,
) -> tuple[list[float], Standing]:
    """The instants to start runs for, and how the schedule stands then.

    is_running  the last run is unfinished
    begun       instants that have runs already: of a look that was lost with its process
    pause       seconds until the next look where some are in line
    """
    count = 0
    found: deque[float] = deque(maxlen=CATCH_UP_MAX + LISTED_MAX)
    for at in schedule.between(standing.handled, now):
        found.append(at)
        count += 1
    on_time = _on_time(schedule, found, now)
    cap = schedule.cap
    wanted = sorted({*on_time, *(list(found)[-cap:] if cap else ())}.difference(begun))
    passed = [at for at in found if at not in wanted and at not in begun]
    line, skipped = [*(at for at in standing.pending if at not in begun), *wanted], list[float]()
    if schedule.overlap == "allow":
        starts, line = line, []
    elif is_running:
        starts, skipped = [], [at for at in line if at in on_time]
        line = [at for at in line if at not in on_time]
    else:
        starts, line = line[:1], line[1:]
    over, line = line[:-CATCH_UP_MAX], line[-CATCH_UP_MAX:]
    due = schedule.next(now)
    listed = sorted([*standing.missed_at, *passed, *over, *skipped])[-LISTED_MAX:]
    return starts, standing.replace(
        handled=max(standing.handled, found[-1]) if found else standing.handled,
        due=min(due, now + pause) if line else due,
        pending=tuple(line),
        started=standing.started + len(starts) + len(begun),
        missed=standing.missed + count - len(wanted) - len(set(found).intersection(begun)) + len(over),
        skipped=standing.skipped + len(skipped),
        missed_at=tuple(listed),
        skipped_at=tuple(at for at in (*standing.skipped_at, *skipped) if at in listed),
        held="",
    )


def made_up(standing: Standing, begun: Collection[float]) -> Standing:
    """Without those of the instants it lists that have runs since, of a backfill."""
    had = [at for at in standing.missed_at if at in begun]
    missed = min(standing.missed, sum(at not in standing.skipped_at for at in had))
    return standing.replace(
        missed=standing.missed - missed,
        skipped=standing.skipped - (len(had) - missed),
        missed_at=tuple(at for at in standing.missed_at if at not in had),
        skipped_at=tuple(at for at in standing.skipped_at if at not in had),
    )


def watch(
    schedule: Schedule, before: Standing, after: Standing, now: float, by: float
) -> tuple[list[float], Standing]:
    """Instants whose runs should have ended by now, so long after each; and how the schedule stands then.

    `before`: as it stood when this look began. Each instant is told of once, whether or not its run was
    started; those at which it was paused are none.
    """
    if not by or after.paused:
        return [], after.replace(watched=(), watched_to=now)
    begin = max(before.watched_to, before.handled)
    new = deque(schedule.between(begin, now), maxlen=LISTED_MAX)
    watched = [*before.watched, *new][-LISTED_MAX:]
    overdue = [at for at in watched if at + by <= now]
    watched = watched[len(overdue) :]
    due = min(after.due, watched[0] + by) if watched else after.due
    return overdue, after.replace(watched=tuple(watched), watched_to=max(begin, now), due=due)


def _on_time(schedule: Schedule, found: deque[float], now: float) -> list[float]:
    """Of the instants that are due those at which somebody is there."""
    on_time: list[float] = []
    following = schedule.next(now)
    for at in reversed(found):
        if now - at > min(LATE_SECONDS, (following - at) / 2):
            break
        on_time.append(at)
        following = at
    return on_time
