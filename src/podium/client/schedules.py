"""`podium.schedules()`: what is scheduled, and what a person may do about it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from ..calendar import LISTED_MAX, Schedule, Standing, decide, held, watch
from ..errors import EngineStopped, UsageError
from ..inspect import living, would_take
from ..model import FINAL, AuditRow, EngineRow, NewRun
from ..store import Store
from .app import App, apps
from .default_app import current_app
from .operators import operator
from .run import Run
from .schedule_days import ScheduleDays, schedule_days
from .schedule_record import Kept, Plan, kept, read, replace, run_id
from .schedule_starts import begun_already, seconds_to_next_look, start_each, tell_late, without_made_up
from .session import Session
from .starting import chunks
from .stored_run import StoredRun

BACKFILL_MAX = 100_000  # runs
FOREVER = 50 * 365 * 86_400.0  # seconds: a paused schedule looks at nothing before


class _Decisions(NamedTuple):
    """What people decide about one schedule, as it is put on record with who and when."""

    app: App
    schedule: str
    is_recorded: bool  # by who asks, as over HTTP

    def acts(self, verb: str, by: str | None, run: str = "") -> tuple[AuditRow, ...]:
        """About the schedule itself, or a run of it."""
        who = operator(by)._replace(is_recorded=self.is_recorded)
        acts = who.acts(verb, run, self.app.env.now(), f"of schedule {self.schedule}" if run else "")
        return acts if run else tuple([msgspec.structs.replace(act, target=self.schedule) for act in acts])

    def asked(self, verb: str, new: NewRun, by: str | None) -> NewRun:
        """A run of it that somebody has asked for."""
        (act,) = self.acts(verb, by, new.id) or (None,)
        return msgspec.structs.replace(new, act=act)


class ScheduleHandle:
    """A schedule of a workflow, as the store has it. `podium.schedules()` gives them.

    Example:

    >>> [each.words for each in podium.schedules()]
    []
    """

    def __init__(
        self, app: App, record: Kept, engines: Sequence[EngineRow], is_recorded: bool = False
    ) -> None:
        self._app, self._record = app, record
        self._decisions = _Decisions(app, record.plan.name, is_recorded)
        self._engines = engines  # that live

    @property
    def name(self) -> str:
        """Of the workflow; of its second schedule with ".2"."""
        return self._record.plan.name

    @property
    def function(self) -> str:
        """The workflow's name, as runs have it."""
        return self._record.plan.function

    @property
    def schedule(self) -> Schedule:
        """When it starts runs."""
        return self._record.plan.schedule

    @property
    def words(self) -> str:
        """The same in words."""
        return self.schedule.words

    @property
    def standing(self) -> Standing:
        """What it has done so far: started, missed and skipped instants, why it is held. What has a run since
        is neither missed nor skipped."""
        return self._record.standing

    @property
    def run(self) -> str:
        """The id of its own run."""
        return self._record.row.id

    @property
    def state(self) -> str:
        """ "on time", "paused", "held", or "undriven": no live engine keeps it."""
        if self.standing.paused:
            return "paused"
        row = self._record.row
        if not any(engine.id == row.owner or would_take(engine, row) for engine in self._engines):
            return "undriven"
        # As it is now: what the schedule has seen itself may be as old as its last instant.
        return "on time" if any(self.function in engine.functions for engine in self._engines) else "held"

    @property
    def held(self) -> str:
        """Why nothing is started, and what would change that; "" while it is on time."""
        worker = f"podium worker {self.function.partition(':')[0]}"
        if self.state == "undriven":
            return f"no live process keeps it: {worker}"
        if self.state == "held":
            return (
                f"no live engine offers {self.function}: {worker}; if it is gone: podium terminate {self.run}"
            )
        return ""

    def next(self, count: int = 3) -> list[datetime.datetime]:
        """The next instants, with their zone; none while it is paused."""
        if self.standing.paused:
            return []
        # What a clock that was ahead has had started already does not come again.
        after = max(self._app.env.now(), self.standing.handled)
        return list(map(self._there, self.schedule.first(after, count)))

    @property
    def missed_at(self) -> list[datetime.datetime]:
        """The newest instants that were missed or skipped, and have no run since."""
        return list(map(self._there, self.standing.missed_at))

    @property
    def last(self) -> Run[Any] | None:
        """The run that it has started last, if that is still on record."""
        row = self._app.session.store.load(self.standing.last_run) if self.standing.last_run else None
        if row is None:
            return None
        return Run(StoredRun.known(self._app, self._app.functions.get(row.function), row))

    def days(self, year: int, month: int) -> ScheduleDays:
        """A month of it, by its own clock: what each day's instants have come to, and what is to come."""
        return schedule_days(self._app, self.name, self.schedule, year, month)

    def pause(self, *, by: str | None = None) -> None:
        """Start nothing until it is resumed. Instants meanwhile are neither missed nor made up for. `by`: who
        says so, for the record; default: the login name."""
        self._change(_paused, self._decisions.acts("pause", by))

    def resume(self, *, by: str | None = None) -> None:
        """Go on with the next instant. `by`: as of `pause`."""
        self._change(_resumed, self._decisions.acts("resume", by))

    def fire(self, *, by: str | None = None) -> Run[Any]:
        """Start a run now, beside what is scheduled. `by`: as of `pause`."""
        env = self._app.env
        now = env.now()
        new = self._record.plan.new_run(float(int(now)), now, env.secret())
        new = msgspec.structs.replace(new, id=f"{new.id}-{env.new_id()[-6:]}")
        new = self._decisions.asked("fire", new, by)
        start_each(self._app.session, [new])
        return Run(StoredRun.known(self._app, self._app.functions.get(self.function), self._app.load(new.id)))

    def backfill(
        self,
        begin: datetime.datetime,
        end: datetime.datetime,
        *,
        dry_run: bool = False,
        by: str | None = None,
    ) -> list[datetime.datetime]:
        """Start a run for each past instant from `begin` to `end`, both included; those that have one are
        left out, and those that are to come: the schedule starts them. Returns the instants; `dry_run`: and
        starts nothing. `by`: as of `pause`.

        Raises UsageError for a range without zones, for one that ends before it begins, and for one of more
        than 100,000 instants.
        """
        if begin.tzinfo is None or end.tzinfo is None:
            raise UsageError(
                f"backfill({begin}, {end}): two times with zones are needed",
                fix="such as datetime(2026, 11, 27, tzinfo=UTC)",
            )
        if end < begin:
            raise UsageError(f"backfill from {begin} until {end} ends before it begins")
        store, env, name = self._app.session.store, self._app.env, self.name
        now = env.now()
        past = self.schedule.between(begin.timestamp() - 1e-6, min(end.timestamp(), now))
        instants = list(islice(past, BACKFILL_MAX + 1))
        if len(instants) > BACKFILL_MAX:
            raise UsageError(
                f"more than {BACKFILL_MAX:,} instants of {name} are between {begin} and {end}",
                fix=f"one part after the other, the first until {self._there(instants[-2])}",
            )
        todo: list[float] = []
        for chunk in chunks(instants):
            there = store.statuses([run_id(name, at) for at in chunk])
            todo += [at for at in chunk if run_id(name, at) not in there]
        if not dry_run:
            plan = self._record.plan
            for chunk in chunks(todo):
                new = [plan.new_run(at, now, env.secret()) for at in chunk]
                start_each(self._app.session, [self._decisions.asked("backfill", each, by) for each in new])
        return list(map(self._there, todo))

    def _there(self, at: float) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(at, self.schedule.zone)

    def _change(
        self, change: Callable[[Plan, Standing, float], Standing], acts: tuple[AuditRow, ...]
    ) -> None:
        session = self._app.session
        now = self._app.env.now()
        replace(
            session.store,
            session.profile,
            self._record,
            lambda plan, standing: (plan, change(plan, standing, now)),
            acts,
        )

    def __repr__(self) -> str:
        return f"<schedule {self.name}: {self.words}>"


def _paused(_: Plan, standing: Standing, now: float) -> Standing:
    return standing.replace(paused=True, due=now + FOREVER, pending=())


def _resumed(plan: Plan, standing: Standing, now: float) -> Standing:
    return standing.replace(paused=False, handled=now, due=plan.schedule.next(now))


class ScheduleShape(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as programs get it, by `--json` and by HTTP. `state`: on time, paused, held or undriven."""

    name: str
    workflow: str
    words: str
    state: str
    held: str
    next: list[str]
    started: int
    missed: int
    skipped: int
    missed_at: list[str]
    last_run: str
    last_state: str
    run: str


def schedule_shape(each: ScheduleHandle, coming: int = 3) -> ScheduleShape:
    """How a schedule stands, with so many of the next instants."""
    standing, last = each.standing, each.last
    return ScheduleShape(
        name=each.name,
        workflow=each.function,
        words=each.words,
        state=each.state,
        held=each.held,
        next=[at.isoformat() for at in each.next(coming)],
        started=standing.started,
        missed=standing.missed,
        skipped=standing.skipped,
        missed_at=[at.isoformat() for at in each.missed_at],
        last_run=standing.last_run,
        last_state=str(last.state) if last is not None else "",
        run=each.run,
    )


def schedules(app: App | None = None, is_recorded: bool = False) -> list[ScheduleHandle]:
    """The schedules of the store, by name.

    Example:

    >>> for each in podium.schedules():
    ...     print(each.name, each.words, each.next(1))
    """
    app = app or current_app()
    engines, store = living(app), app.session.store
    found = [each.replace(without_made_up(store, each.plan, each.standing)) for each in kept(store)]
    return [ScheduleHandle(app, each, engines, is_recorded) for each in found]


def start_due(run: str, plan: dict[str, Any], standing: dict[str, Any]) -> dict[str, Any]:
    """Start what a schedule's run is to start now; how it stands then. It may be asked twice for the same."""
    app = apps.of_task()
    if app is None:
        raise EngineStopped(f"the engine that drives schedule {run} is gone")
    return msgspec.to_builtins(_start_due(app.session, *read(plan, standing)))


def _start_due(session: Session, plan: Plan, standing: Standing) -> Standing:
    now = session.profile.env.now()
    overdue, after = watch(plan.schedule, standing, _started(session, plan, standing, now), now, plan.late_by)
    tell_late(session, plan, after, overdue, now)
    return after


def _started(session: Session, plan: Plan, standing: Standing, now: float) -> Standing:
    store = session.store
    if standing.paused:
        return standing.replace(due=now + FOREVER)
    if not _is_offered(store, plan):
        return held(plan.schedule, standing, now, f"no live engine offers {plan.function}")
    begun = begun_already(store, plan, standing, now)
    last = run_id(plan.name, begun[-1]) if begun else standing.last_run
    row = store.load(last) if last else None
    is_running = row is not None and row.state not in FINAL
    starts, after = _decided(store, plan, standing, now, is_running, begun, seconds_to_next_look(row, now))
    held_off, secret = False, session.profile.env.secret
    for chunk in chunks(starts):
        held_off |= start_each(session, [plan.scheduled_run(at, now, secret()) for at in chunk])
    if held_off:  # by a run of this schedule that was not there yet when we looked
        starts, after = _decided(store, plan, standing, now, True, begun, seconds_to_next_look(None, now))
    return after.replace(last_run=run_id(plan.name, starts[-1]) if starts else last)


def _decided(
    store: Store,
    plan: Plan,
    standing: Standing,
    now: float,
    is_running: bool,
    begun: Sequence[float],
    pause: float,
) -> tuple[list[float], Standing]:
    """As `decide`. Where the list is full then, what was backfilled leaves it before anything else does: of
    what is not listed any more nobody could tell."""
    starts, after = decide(plan.schedule, standing, now, is_running, begun, pause)
    if len(after.missed_at) == LISTED_MAX and after.missed_at != standing.missed_at:
        standing = without_made_up(store, plan, standing)
        starts, after = decide(plan.schedule, standing, now, is_running, begun, pause)
    return starts, after


def _is_offered(store: Store, plan: Plan) -> bool:
    return any(plan.function in engine.functions for engine in store.engines())
