"""Who I am, how everything stands, what needs somebody."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterator

import msgspec

from ...client import App, questions, shown_url
from ...inspect import cause_of, check_runs, iso, parse
from ...inspect.search import search
from ...model import Query, State
from ..access import Caller
from ..records import Minute
from ..service import Service
from .items import RunItem, items

_RUNNING, _NEXT, _ASKED, _PARKED = 3, 6, 5, 3  # of each so many are named
_DAY = 86_400.0
_DUE_MAX = 200


class Health(msgspec.Struct, frozen=True):
    """That this process answers; nothing else is told to whoever has no token."""

    ok: bool = True


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what is served. `zone`: of this machine; `badges`: how many need somebody, by page."""

    name: str
    role: str
    zone: str
    store: str
    release: str
    modules: list[str]
    badges: dict[str, int]
    version: int = 1


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is a person's move; `command` is what the terminal would be told. `run`: the one that it
    is about; `due`: until when an answer counts."""

    kind: str
    text: str
    command: str
    run: str | None = None
    due: str | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Counts; `failed` and `succeeded` of the last day."""

    queued: int
    running: int
    waiting: int
    parked: int
    failed: int
    succeeded: int


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The first page. `hour`: how the runs of the last hour came out, minute by minute, oldest first."""

    needs: list[Need]
    figures: Figures
    hour: list[Minute]
    running: list[RunItem]
    next: list[RunItem]
    version: int = 1


def health() -> Health:
    """Whether this process answers. The only path that needs no token."""
    return Health()


def me(service: Service, caller: Caller) -> Me:
    """Who asks, and what is served."""
    app = service.app
    here = datetime.datetime.fromtimestamp(app.env.now()).astimezone()
    counts = app.store.counts(app.env.now() - _DAY)
    return Me(
        name=caller.name,
        role=caller.role.value,
        zone=here.tzname() or "UTC",
        store=shown_url(app.url),
        release=service.version,
        modules=list(service.modules),
        badges={
            "parked": counts.get(State.PARKED, 0),
            "failures": counts.get(State.FAILED, 0),
            "waiting": len(questions(service.app)),
        },
    )


def now(service: Service) -> Now:
    """What needs somebody, figures, what runs and what comes next."""
    app = service.app
    counts = Counter(app.store.counts(app.env.now() - _DAY))
    running = search(app, parse(["status:running"], app.env.now()), _RUNNING)
    due = [row for row in app.find(Query(unowned=True, limit=_DUE_MAX)) if row.due is not None]
    due.sort(key=lambda row: row.due or 0.0)
    return Now(
        needs=[*_asked(app), *_unwell(app)],
        figures=Figures(
            queued=counts[State.QUEUED],
            running=counts[State.RUNNING],
            waiting=counts[State.WAITING],
            parked=counts[State.PARKED],
            failed=counts[State.FAILED],
            succeeded=counts[State.SUCCEEDED],
        ),
        hour=service.last_hour.minutes(app),
        running=items(app, running.rows),
        next=items(app, due[:_NEXT]),
    )


def _asked(app: App) -> Iterator[Need]:
    """What runs ask of people: first what expires first, the rest as one."""
    asked = sorted(questions(app), key=lambda one: math.inf if one.due is None else one.due)
    for one in asked[:_ASKED]:
        command = f"podium answer {one.run} VALUE"
        yield Need(kind="asks", text=one.prompt, command=command, run=one.run, due=iso(one.due))
    if len(asked) > _ASKED:
        yield Need(kind="asks", text=f"{len(asked) - _ASKED:,} more questions wait", command="podium waiting")


def _unwell(app: App) -> Iterator[Need]:
    """What `podium doctor` finds of runs and engines. What is parked alone is named by its own cause."""
    parked = app.find(Query(states=frozenset({State.PARKED}), limit=_PARKED + 1))
    named = parked if len(parked) <= _PARKED else []
    for row in named:
        name = row.function.rpartition(":")[2]
        text = f"{name} needs a decision: {cause_of(app, row).what}"
        yield Need(kind="parked", text=text, command=f"podium why {row.id}", run=row.id)
    for finding in check_runs(app):
        if not (finding.is_well or (named and finding.name == "parked")):
            yield Need(kind=finding.name, text=finding.text, command=finding.fix)
