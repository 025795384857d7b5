"""Schedules in the store: each is a run of a built-in workflow, whose arguments say what it is to start, and
how it stands. Nothing is kept beside runs.

To change one (another definition, a pause) its run is replaced: ended and begun anew in one Write, fenced, so
that an engine that is just starting something for it wins, and the change is tried again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .. import codec
from ..calendar import Schedule, Standing, begun
from ..engine import channels
from ..errors import PodiumError, WrongState
from ..functions import Function
from ..model import SCHEDULE, UNFINISHED, AuditRow, Fence, Move, NewRun, Outcome, Query, RunRow, State, Write
from ..opening import locks_directory
from ..store import Store
from . import owners
from .profile import Profile
from .project import project_in

_FREE = frozenset({State.QUEUED, State.WAITING, State.PARKED})
_TRIES, _PAUSE = 50, 0.1  # s


class Plan(msgspec.Struct, frozen=True):
    """What a schedule starts, and when."""

    name: str
    function: str
    schedule: Schedule
    args: bytes  # encoded
    digest: bytes
    fingerprint: str = ""
    project: str = ""
    tags: tuple[str, ...] = ()
    late_by: float = 0.0  # s after an instant, when it is told that its run has not ended; 0: never
    late_to: tuple[str, ...] = ()  # channels
    queue: str = ""
    lane: str = ""

    def new_run(self, at: float, now: float, secret: str) -> NewRun:
        """The run for one instant: its id says which, so there is one however many start it. `secret`: what
        `Env.secret` draws."""
        headers = {"scheduled_for": at, "tz": self.schedule.tz, "schedule": self.name, "secret": secret}
        return NewRun(
            id=run_id(self.name, at),
            function=self.function,
            args=self.args,
            digest=self.digest,
            at=now,
            explicit_id=True,
            fingerprint=self.fingerprint,
            project=self.project,
            tags=self.tags,
            queue=self.queue,
            lane=self.lane,
            context=msgspec.json.encode(headers).decode(),
        )

    def scheduled_run(self, at: float, now: float, secret: str) -> NewRun:
        """The same where the schedule starts it: where runs are not to overlap they have one name, which the
        store lets one unfinished run have."""
        new = self.new_run(at, now, secret)
        if self.schedule.overlap == "allow":
            return new
        return msgspec.structs.replace(new, unique_name=name_of_its_run(self.project, self.name))


class Kept(msgspec.Struct, frozen=True):
    """A schedule as the store has it."""

    row: RunRow  # of its own run
    plan: Plan
    standing: Standing

    def replace(self, standing: Standing) -> Kept:
        """The same, seen to stand otherwise."""
        return msgspec.structs.replace(self, standing=standing)


def run_id(name: str, at: float) -> str:
    """ "shop:daily@2026-11-27T08:00:00Z"."""
    return f"{name}@{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))}"


def name_of_schedule(plan: Plan) -> str:
    """The unique name of a schedule's own run."""
    return f"schedule {plan.project} {plan.name}"


def name_of_its_run(project: str, schedule: str) -> str:
    """That of the runs that it starts, where they are not to overlap."""
    return f"run of schedule {project} {schedule}"


def plans_of(function: Function, project: str) -> Iterator[Plan]:
    """What the schedules of a workflow start."""
    for n, schedule in enumerate(function.schedules, 1):
        bound = function.bind((), schedule.args)
        args, digest = function.encode(bound, 0)
        name = function.name if n == 1 else f"{function.name}.{n}"
        late_by = next((each.by for each in function.alerts if each.kind == "late"), 0.0)
        yield Plan(
            name, function.name, schedule, args, digest, function.fingerprint, project, function.tags,
            late_by, channels(function.alerts, "late"), *function.place(bound, None, None),
        )  # fmt: skip


def written(plan: Plan, standing: Standing) -> dict[str, Any]:
    """The arguments of a schedule's run."""
    return {"plan": msgspec.to_builtins(plan), "standing": msgspec.to_builtins(standing)}


def read(plan: dict[str, Any], standing: dict[str, Any]) -> tuple[Plan, Standing]:
    """The way back."""
    return msgspec.convert(plan, Plan), msgspec.convert(standing, Standing)


def kept(store: Store) -> list[Kept]:
    """All schedules of a store, by name."""
    query = Query(function=SCHEDULE, states=UNFINISHED, limit=1000)
    found: list[Kept] = []
    while rows := store.find(query):
        for row in rows:
            try:
                given = codec.decode(row.args)
                found.append(Kept(row, *read(given["plan"], given["standing"])))
            except (PodiumError, msgspec.ValidationError, KeyError, TypeError):
                continue  # nothing that Podium has written: its own run is parked when it is driven
        query = Query(function=SCHEDULE, states=UNFINISHED, limit=1000, before=rows[-1].place)
    return sorted(found, key=lambda each: (each.plan.project, each.plan.name))


def keep_declared(store: Store, profile: Profile) -> None:
    """What `declared_schedules.keep_schedules` says, where there is any. Raises StoreError."""
    wanted = {
        (plan.project, plan.name): plan
        for function in list(profile.functions.values())
        for plan in plans_of(function, project_in(profile.url, function))
    }
    if profile.drives == "all":
        _keep(store, profile, wanted)
    elif wanted:
        names = ", ".join(sorted({plan.function.rpartition(":")[2] for plan in wanted.values()}))
        profile.tell(
            f"podium: a script that ends keeps no schedule: that of {names} needs podium worker MODULE"
        )


def _keep(store: Store, profile: Profile, wanted: dict[tuple[str, str], Plan]) -> None:
    env = profile.env
    there = {(each.plan.project, each.plan.name): each for each in kept(store)}
    writes = [
        Write(new_runs=(_run_of(plan, begun(plan.schedule, env.now()), env.new_id(), env.now()),))
        for key, plan in wanted.items()
        if key not in there
    ]
    if writes:
        store.commit(None, writes)
    for key, each in there.items():
        plan = wanted.get(key)
        if plan is not None and plan != each.plan:
            try:
                replace(
                    store,
                    profile,
                    each,
                    lambda _, standing, plan=plan: (plan, _moved(plan, standing, env.now())),
                )
            except WrongState as error:  # no reason for a worker not to begin
                profile.tell(f"podium: {error.message}: it stays as it was until the next start")
        elif plan is None and _is_ours(each.plan, profile):
            with contextlib.suppress(WrongState):  # the next opening tries again
                _decide(store, profile, each, _ending)


def _ending(row: RunRow) -> Write:
    return Write(Fence(row.id, row.token, _FREE), Move(State.CANCELLED))


def _moved(plan: Plan, standing: Standing, now: float) -> Standing:
    """How it stands under a new definition: what came due before that by the old one is over."""
    return standing.replace(handled=max(standing.handled, now), due=plan.schedule.next(now), pending=())


def _is_ours(plan: Plan, profile: Profile) -> bool:
    function = profile.functions.get(plan.function)
    return function is not None and project_in(profile.url, function) == plan.project


def _run_of(plan: Plan, standing: Standing, id: str, now: float) -> NewRun:
    args, digest = codec.encode_call(written(plan, standing), where="schedule")
    return NewRun(
        id=id, function=SCHEDULE, args=args, digest=digest, at=now,
        due=standing.due,
        unique_name=name_of_schedule(plan),
    )  # fmt: skip


def replace(
    store: Store,
    profile: Profile,
    old: Kept,
    change: Callable[[Plan, Standing], tuple[Plan, Standing]],
    acts: tuple[AuditRow, ...] = (),
) -> None:
    """Have a schedule go on with another plan or standing. `acts`: who has asked for it. Raises WrongState
    where it is gone."""

    def moved(row: RunRow) -> Write:
        given, now = codec.decode(row.args), profile.env.now()
        new = _run_of(*change(*read(given["plan"], given["standing"])), profile.env.new_id(), now)
        end = Move(State.CANCELLED, at=now)
        return Write(Fence(row.id, row.token, _FREE), end, new_runs=(new,), acts=acts)

    if not _decide(store, profile, old, moved):
        raise WrongState(f"schedule {old.plan.name} is gone", fix="podium schedules")


def _decide(store: Store, profile: Profile, old: Kept, write_for: Callable[[RunRow], Write]) -> bool:
    """Commit what is decided on a schedule between two of its starts; False: it is gone. Raises WrongState
    where an engine starts something for it all the time."""
    for _ in range(_TRIES):
        row = store.load(old.row.id)
        if row is None or row.state not in UNFINISHED:
            return False
        (verdict,) = store.commit(None, [write_for(row)])
        if verdict.outcome is Outcome.DONE:
            return True
        if not owners.free(store, locks_directory(profile.url, store), row, profile.env.now()):
            # An engine is starting something for it. `Store.wait` would take a ring that is meant for ours.
            time.sleep(_PAUSE)
    raise WrongState(f"schedule {old.plan.name} is held by an engine", fix="podium schedules")
