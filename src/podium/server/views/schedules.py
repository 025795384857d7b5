"""What starts by itself: in words, the next instants, what was missed; pause, resume, fire, backfill."""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ...client import ScheduleDays, ScheduleHandle, ScheduleShape, schedule_shape
from ...client.schedules import schedules
from ...errors import RunNotFound, WrongState
from ...inspect import read_range
from ..service import Service
from .steering import Nothing

_NEXT = 5
_EXAMPLES = 20


class ScheduleItem(ScheduleShape, frozen=True, kw_only=True):
    """A schedule. `zone` is that of its instants."""

    zone: str


class SchedulesPage(msgspec.Struct, frozen=True, kw_only=True):
    """All schedules, by name."""

    items: list[ScheduleItem]
    next: None = None
    version: int = 1


class ScheduleChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `run`: that was started by `fire`."""

    name: str
    done: str
    run: str | None = None
    version: int = 1


class DaysQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`month`: 2026-11; this one unless said."""

    month: Annotated[str, Meta(pattern=r"^(20|21)\d\d-(0[1-9]|1[0-2])$")] | None = None


class BackfillQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From and until when, both included: 2026-11-20, 2026-11-20T14:00+01:00, today, 3d (ago). Without a zone
    it is the schedule's."""

    begin: str
    end: str


class BackfillPreview(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs a backfill would start, and the first instants of them."""

    count: int
    instants: list[str]
    command: str
    version: int = 1


class BackfillBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`count` is what the preview showed: where there are more by now, nothing is started."""

    begin: str
    end: str
    count: int


class Backfilled(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs were started."""

    started: int
    version: int = 1


def listed(service: Service) -> SchedulesPage:
    """What starts by itself, and how it stands."""
    return SchedulesPage(items=[_item(each) for each in schedules(service.app)])


def days(service: Service, name: str, query: DaysQuery) -> ScheduleDays:
    """A month of a schedule: what each day's instants have come to, and what is to come."""
    each = _named(service, name)
    now = datetime.datetime.fromtimestamp(service.app.env.now(), each.schedule.zone)
    year, month = map(int, query.month.split("-")) if query.month else (now.year, now.month)
    return each.days(year, month)


def pause(service: Service, name: str, body: Nothing) -> ScheduleChanged:
    """Start nothing until it is resumed."""
    _named(service, name).pause()
    return ScheduleChanged(name=name, done="paused")


def resume(service: Service, name: str, body: Nothing) -> ScheduleChanged:
    """Go on with the next instant."""
    _named(service, name).resume()
    return ScheduleChanged(name=name, done="resumed")


def fire(service: Service, name: str, body: Nothing) -> ScheduleChanged:
    """Start a run now, beside what is scheduled."""
    return ScheduleChanged(name=name, done="fired", run=_named(service, name).fire().id)


def backfill_preview(service: Service, name: str, query: BackfillQuery) -> BackfillPreview:
    """What a backfill would start: a run for each instant that has none."""
    each = _named(service, name)
    begin, end = read_range(query.begin, query.end, service.app.env.now(), each.schedule.zone)
    todo = each.backfill(begin, end, dry_run=True)
    return BackfillPreview(
        count=len(todo),
        instants=[at.isoformat() for at in todo[:_EXAMPLES]],
        command=f"podium schedules {name} backfill {query.begin} {query.end}",
    )


def backfill(service: Service, name: str, body: BackfillBody) -> Backfilled:
    """Start a run for each instant that has none, if they are not more than were shown."""
    each = _named(service, name)
    begin, end = read_range(body.begin, body.end, service.app.env.now(), each.schedule.zone)
    todo = each.backfill(begin, end, dry_run=True)
    if len(todo) > body.count:
        raise WrongState(
            f"{len(todo)} instants have no run by now, {body.count} were shown; nothing was started",
            fix="look again",
        )
    return Backfilled(started=len(each.backfill(begin, end)))


def _item(each: ScheduleHandle) -> ScheduleItem:
    fields = msgspec.structs.asdict(schedule_shape(each, _NEXT))
    return ScheduleItem(**fields, zone=str(each.schedule.zone))


def _named(service: Service, name: str) -> ScheduleHandle:
    found = [each for each in schedules(service.app, is_recorded=True) if each.name == name]
    if not found:
        raise RunNotFound(f"no schedule is named {name!r}", fix="GET /api/schedules  lists them")
    return found[0]
