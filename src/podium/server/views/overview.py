"""Who I am, how everything stands, what needs somebody."""

from __future__ import annotations

import datetime
from collections import Counter

import msgspec

from ...client import questions, shown_url
from ...inspect import check_runs, parse, search
from ...model import Query, State
from ..access import Caller
from ..service import Service
from .items import RunItem, items

_RUNNING, _NEXT = 3, 6
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
    """Something that is a person's move; `command` is what the terminal would be told."""

    kind: str
    text: str
    command: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Counts; `failed` and `succeeded` of the last day."""

    queued: int
    running: int
    waiting: int
    parked: int
    failed: int
    succeeded: int


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The first page."""

    needs: list[Need]
    figures: Figures
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
        needs=[
            Need(kind=finding.name, text=finding.text, command=finding.fix)
            for finding in check_runs(app)
            if not finding.is_well
        ],
        figures=Figures(
            queued=counts[State.QUEUED],
            running=counts[State.RUNNING],
            waiting=counts[State.WAITING],
            parked=counts[State.PARKED],
            failed=counts[State.FAILED],
            succeeded=counts[State.SUCCEEDED],
        ),
        running=items(app, running.rows),
        next=items(app, due[:_NEXT]),
    )
