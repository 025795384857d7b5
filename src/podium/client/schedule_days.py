"""A schedule by days: what its instants have come to, and what is to come."""

from __future__ import annotations

import datetime
from collections import Counter
from itertools import islice

import msgspec

from ..calendar import Schedule
from .app import App
from .schedule_record import run_id

INSTANTS_MAX = 50_000  # that are looked at
_READ = 1000  # runs at once


class ScheduleDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day by the schedule's own clock. `runs`: how many of its instants have a run in which state;
    `without`: past ones that have none; `begin` and `end`: the first and the last of these; `to_come`: how
    many are still ahead."""

    date: str
    runs: dict[str, int]
    without: int
    begin: str | None
    end: str | None
    to_come: int


class ScheduleDays(msgspec.Struct, frozen=True, kw_only=True):
    """The days of a month that have instants. Not `exact`: the first 50,000 instants of more."""

    name: str
    month: str
    zone: str
    days: list[ScheduleDay]
    exact: bool
    version: int = 1


def schedule_days(app: App, name: str, schedule: Schedule, year: int, month: int) -> ScheduleDays:
    """A month of a schedule."""
    zone, now = schedule.zone, app.env.now()
    begin = datetime.datetime(year, month, 1, tzinfo=zone)
    end = datetime.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    coming = schedule.between(begin.timestamp() - 1e-6, end.timestamp() - 1e-6)
    instants = list(islice(coming, INSTANTS_MAX + 1))
    exact = len(instants) <= INSTANTS_MAX
    instants = instants[:INSTANTS_MAX]
    states = _states(app, name, [at for at in instants if at <= now])
    days: dict[datetime.date, list[float]] = {}
    for at in instants:
        days.setdefault(datetime.datetime.fromtimestamp(at, zone).date(), []).append(at)

    def day(date: datetime.date, of: list[float]) -> ScheduleDay:
        left = [at for at in of if at <= now and at not in states]
        return ScheduleDay(
            date=date.isoformat(),
            runs=dict(Counter(states[at] for at in of if at in states)),
            without=len(left),
            begin=datetime.datetime.fromtimestamp(left[0], zone).isoformat() if left else None,
            end=datetime.datetime.fromtimestamp(left[-1], zone).isoformat() if left else None,
            to_come=sum(at > now for at in of),
        )

    return ScheduleDays(
        name=name,
        month=f"{year:04}-{month:02}",
        zone=str(zone),
        days=[day(date, of) for date, of in days.items()],
        exact=exact,
    )


def _states(app: App, name: str, instants: list[float]) -> dict[float, str]:
    """The states of the runs of these instants, those that have one."""
    found: dict[float, str] = {}
    for first in range(0, len(instants), _READ):
        ids = {run_id(name, at): at for at in instants[first : first + _READ]}
        for run, status in app.store.statuses(list(ids)).items():
            found[ids[run]] = str(status.state)
    return found
