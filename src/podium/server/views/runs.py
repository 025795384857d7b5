"""Lists of runs and one run."""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...client import App
from ...inspect import (
    Cause,
    Check,
    FailureShape,
    LossShape,
    StepCounts,
    cause_of,
    checks_of,
    loss_shape,
    parse,
    recorded_failure,
    tallied,
)
from ...inspect.expected import expected
from ...inspect.search import search
from ...model import RunRow, State
from ..service import Service
from .items import Action, RunItem, actions, items

COUNTED = 10_000  # runs that match are counted so far
HORIZON = 30_000  # newest runs that are walked through where no index leads to those that match
ASKED = 2000  # newest runs that are read and asked one by one


class RunsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`q` is what `podium runs` takes; `after` the `next` of the page before."""

    q: str = ""
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class RunsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next`: what the following page comes after; null at the end. `looked_at`: for this page
    only so many runs were looked at, because no index leads to those that match; `next` looks further."""

    items: list[RunItem]
    next: str | None
    looked_at: int | None
    version: int = 1


class FacetsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query as `podium runs` takes it."""

    q: str = ""


class Facet(msgspec.Struct, frozen=True):
    """A value, and how many runs have it; not `exact`: at least so many."""

    name: str
    n: int
    exact: bool


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs match, by state and by workflow. Not `exact`: at least so many; counting stops at
    10,000 that match."""

    status: dict[str, int]
    workflow: list[Facet]
    total: int
    exact: bool
    version: int = 1


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that drives a run now."""

    engine: str
    host: str
    pid: int
    token: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of one function. `seconds`: of all attempts that ended; `longest`: of one."""

    function: str
    done: int
    failed: int
    retried: int
    retrying: int
    unfinished: int
    seconds: float
    longest: float
    first: int


class RunDetail(RunItem, frozen=True, kw_only=True):
    """A run, why it stands where it stands, and what can be done. `checks`: what may hold it up, one by one;
    none once it has ended. `result` is there once it has succeeded, `error` once it has failed. `median`:
    seconds that the last `median_of` runs of its function took which went well; null where they are fewer
    than three."""

    sentence: str
    cause: Cause
    checks: tuple[Check, ...]
    steps: int
    retried: int
    median: float | None
    median_of: int
    owners: list[Owner]
    losses: list[LossShape]
    groups: list[Group]
    actions: list[Action]
    result: msgspec.Raw | UnsetType = UNSET
    error: FailureShape | UnsetType = UNSET
    version: int = 1


def listed(service: Service, query: RunsQuery) -> RunsPage:
    """Runs that match a query, newest first, by pages."""
    app = service.app
    parsed = parse([query.q], app.env.now())
    if query.after is not None:
        before = app.load(query.after).place  # of one that is gone no page could be told from the last one
        parsed = parsed._replace(query=msgspec.structs.replace(parsed.query, before=before))
    found = search(app, parsed, query.limit, ASKED, HORIZON)
    return RunsPage(items=items(app, found.rows), next=found.after, looked_at=found.looked_at)


def facets(service: Service, query: FacetsQuery) -> Facets:
    """How many runs match, by state and by workflow."""
    app = service.app
    if query.q.strip():
        tally = tallied(app, parse([query.q], app.env.now()), COUNTED, ASKED, HORIZON)
        states, functions, is_exact = tally.states, tally.functions, tally.exact
    else:  # by the store's indexes alone
        states, is_exact = Counter(app.store.counts(-math.inf)), True
        functions = Counter(app.store.functions(COUNTED))
    return Facets(
        status={str(state): states[state] for state in State},
        workflow=[Facet(name, n, is_exact and n < COUNTED) for name, n in functions.most_common(50)],
        total=states.total(),
        exact=is_exact,
    )


def one(service: Service, run: str) -> RunDetail:
    """One run: how it stands and why, its steps by function, what can be done."""
    app = service.app
    row = app.load(run)
    cause = cause_of(app, row)
    usual = expected(app, row.function)
    with service.progresses.of(app, row) as progress:
        steps, retried = progress.steps, progress.retried
        groups = [_group(counts) for counts in progress.functions.values()]
    shown: dict[str, Any] = {name: getattr(items(app, [row])[0], name) for name in RunItem.__struct_fields__}
    return RunDetail(
        **shown,
        sentence=cause.what,
        cause=cause,
        checks=checks_of(row, cause, app.env.now()),
        steps=steps,
        retried=retried,
        median=usual.seconds if usual else None,
        median_of=usual.runs if usual else 0,
        owners=_owners(app, row),
        losses=list(map(loss_shape, app.store.losses(row.id))),
        groups=groups,
        actions=actions(row),
        result=msgspec.Raw(row.payload or b"null") if row.state is State.SUCCEEDED else UNSET,
        error=recorded_failure(row.payload) if row.state is State.FAILED else UNSET,
    )


def _owners(app: App, row: RunRow) -> list[Owner]:
    return [
        Owner(engine=engine.id, host=engine.host, pid=engine.pid, token=row.token)
        for engine in app.store.engines()
        if engine.id == row.owner
    ]


def _group(counts: StepCounts) -> Group:
    return Group(
        function=counts.function,
        done=counts.done,
        failed=counts.failed,
        retried=counts.retried,
        retrying=len(counts.retrying),
        unfinished=counts.unfinished,
        seconds=counts.seconds,
        longest=counts.longest,
        first=counts.first,
    )
