"""The record of one run: its entries, its steps, what it said, what went in and came out, why it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ... import codec
from ...inspect import (
    Cause,
    Check,
    EntryShape,
    FailureShape,
    Graph,
    LineShape,
    Timeline,
    cause_of,
    checks_of,
    entry_shape,
    history,
    iso,
    line_shape,
    place,
    recorded_failure,
)
from ...inspect.graph import graph
from ...inspect.timeline import timeline
from ...model import (
    AGAIN,
    ANSWER,
    BESIDE,
    OUTCOME,
    SETTLE,
    STARTS,
    TURNS,
    Entry,
    Kind,
    PublishedValue,
    State,
    read_name,
)
from ..http import Refused
from ..service import Service
from .items import CALL_MAX, Action, actions

_PAGE = 1000
VALUE_MAX = 65_536  # bytes of a value that stands in an answer; a larger one is fetched by itself


class EntriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`after`: the `seq` of the last entry that is known."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class EntriesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries in order. `next`: what the following page comes after; null where there are no more yet.
    `count`: how many there are now."""

    items: list[EntryShape]
    next: int | None
    count: int
    version: int = 1


class LinesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`after`: the `n` of the last line that is known; `q`: a piece of the text; `step`: an identity;
    `level`: a record's least, as a number of `logging`."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200
    q: str = ""
    step: str | None = None
    level: int | None = None


class LinesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines in order. `next`: what the following page comes after; null where there are no more yet."""

    items: list[LineShape]
    next: int | None
    version: int = 1


class StepItem(msgspec.Struct, frozen=True, kw_only=True):
    """A step: how its last attempt came out. `took`: seconds of that; `tries`: how many are on record."""

    n: int
    step: str
    scope: str
    function: str
    state: str
    tries: int
    began: str | None
    at: str | None
    took: float | None
    due: str | None
    says: str
    error: FailureShape | UnsetType = UNSET


class StepsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`after`: the `n` of the last step that is known; `state`: succeeded, failed, retrying or begun;
    `q`: a piece of the function's name or of the identity."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200
    state: Literal["", "succeeded", "failed", "retrying", "begun"] = ""
    q: str = ""


class StepsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in the order in which they came on record first."""

    items: list[StepItem]
    next: int | None
    version: int = 1


Moment = Annotated[float, Meta(ge=0, le=1e11)]  # seconds since 1970


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`bins`: parts of the span; `begin`, `end`: its ends, seconds since 1970."""

    bins: Annotated[int, Meta(ge=1, le=2000)] = 240
    begin: Moment | None = None
    end: Moment | None = None


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A value on record. `value` is left out of a large one: GET `href` has it."""

    size: int
    preview: str
    href: str
    value: msgspec.Raw | UnsetType = UNSET


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The last value that a run has published under a name. `value` is left out of one over 64 KB."""

    name: str
    at: str | None
    step: str
    size: int
    preview: str
    value: msgspec.Raw | UnsetType = UNSET


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was called with, what it has published, its streams with the number of the last chunk of
    each, and what it returned."""

    input: Value
    result: Value | None
    values: list[Published]
    streams: dict[str, int]
    version: int = 1


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run stands where it stands: what `podium why --json` says, what may hold it up one by
    one, and what can be done."""

    id: str
    state: str
    sentence: str
    kind: str
    details: tuple[str, ...]
    fix: str
    checks: tuple[Check, ...]
    actions: list[Action]
    version: int = 1


def entries(service: Service, run: str, query: EntriesQuery) -> EntriesPage:
    """The history of a run, by pages."""
    app = service.app
    row = app.load(run)
    page = app.store.history(row.id, query.after, query.limit)
    more = bool(page) and page[-1].seq < row.entries
    return EntriesPage(
        items=list(map(entry_shape, page)), next=page[-1].seq if more else None, count=row.entries
    )


def lines(service: Service, run: str, query: LinesQuery) -> LinesPage:
    """What the tasks and the body of a run printed and logged, by pages."""
    app = service.app
    row = app.load(run)
    found: list[LineShape] = []
    after = query.after
    while page := app.store.logs(row.id, after, _PAGE, query.step):
        for line in page:
            after = line.n
            if query.q.lower() in line.text.lower() and (query.level is None or line.level >= query.level):
                found.append(line_shape(row.id, line))
            if len(found) == query.limit:
                return LinesPage(items=found, next=after if after < row.logs else None)
    return LinesPage(items=found, next=None)


def steps(service: Service, run: str, query: StepsQuery) -> StepsPage:
    """The steps of a run, by pages."""
    app = service.app
    row = app.load(run)
    all_steps = _steps(history.entries(app.store, row.id))
    fitting = (item for item in all_steps if item.n > query.after and _fits(item, query))
    page = list(islice(fitting, query.limit + 1))
    more = len(page) > query.limit
    page = page[: query.limit]
    return StepsPage(items=page, next=page[-1].n if more else None)


def over_time(service: Service, run: str, query: TimelineQuery) -> Timeline:
    """How many attempts of each function were under way, in parts of a span."""
    row = service.app.load(run)
    if query.begin is not None and query.end is not None and query.end <= query.begin:
        raise Refused(400, "E100", "the span ends before it begins", "begin < end, seconds since 1970")
    return timeline(history.entries(service.app.store, row.id), query.bins, query.begin, query.end)


def drawn(service: Service, run: str) -> Graph:
    """What a run did, as boxes and edges with their places."""
    row = service.app.load(run)
    return graph(history.entries(service.app.store, row.id), row.state)


def data(service: Service, run: str) -> Data:
    """What went in and what came out."""
    row = service.app.load(run)
    came = row.payload if row.state is State.SUCCEEDED else None
    return Data(
        input=_value(row.args or b"{}", f"/api/runs/{row.id}/input", codec.preview_call(row.args, 500)),
        result=None if came is None else _value(came or b"null", f"/api/runs/{row.id}/result"),
        values=[_published(value) for value in service.app.store.values(row.id)],
        streams=service.app.store.streams(row.id),
    )


def why(service: Service, run: str) -> Why:
    """Why a run stands where it stands, and what would move it."""
    row = service.app.load(run)
    cause: Cause = cause_of(service.app, row)
    return Why(
        id=row.id,
        state=str(row.state),
        sentence=cause.what,
        kind=cause.kind,
        details=cause.details,
        fix=cause.fix,
        checks=checks_of(row, cause, service.app.env.now()),
        actions=actions(row),
    )


def _published(value: PublishedValue) -> Published:
    payload = value.payload
    return Published(
        name=value.name,
        at=iso(value.at),
        step=value.step,
        size=len(payload),
        preview=codec.preview(payload, 500),
        value=msgspec.Raw(payload) if len(payload) <= VALUE_MAX else UNSET,
    )


def _value(payload: bytes, href: str, preview: str = "") -> Value:
    return Value(
        size=len(payload),
        preview=preview or codec.preview(payload, 500),
        href=href,
        value=msgspec.Raw(payload) if len(payload) <= VALUE_MAX else UNSET,
    )


def _steps(entries: Iterable[Entry]) -> Iterator[StepItem]:
    """One for each identity, in order of appearance, as its last entry has it."""
    last: dict[str, tuple[Entry, int]] = {}
    answers: dict[str, str] = {}  # by step: how what it had asked for has come out, which is in a message
    for entry in entries:
        if entry.kind is Kind.MESSAGE:
            kind, state, step = read_name(entry.name)
            if kind in (OUTCOME, ANSWER, SETTLE) and step in last and state != AGAIN:
                answers[step] = "failed" if state in (State.FAILED, State.CANCELLED) else "succeeded"
        if entry.kind in TURNS or entry.kind in BESIDE or not entry.step:
            continue
        if entry.kind in (Kind.MESSAGE, Kind.TICK):
            continue
        if entry.kind is Kind.SENT:  # in a retry: once more
            answers.pop(entry.step, None)
        before = last.get(entry.step)
        last[entry.step] = entry, (before[1] if before else 0) + (entry.kind not in STARTS)
    for n, (entry, tries) in enumerate(last.values(), 1):
        item = _step(n, entry, tries)
        came = answers.get(item.step, "") if item.state == "begun" else ""
        yield msgspec.structs.replace(item, state=came) if came else item


_STATES = {Kind.RESULT: "succeeded", Kind.ERROR: "failed", Kind.RETRY: "retrying"}


def _step(n: int, entry: Entry, tries: int) -> StepItem:
    scope, function = place(entry)
    failed = entry.kind in (Kind.ERROR, Kind.RETRY)
    return StepItem(
        n=n,
        step=entry.step,
        scope=scope,
        function=f"{entry.module}:{function}" if entry.module else function,
        state=_STATES.get(entry.kind, "begun"),
        tries=max(tries, entry.attempt),
        began=iso(entry.began or None),
        at=iso(entry.at),
        took=entry.at - entry.began if entry.began else None,
        due=iso(entry.due),
        says="" if failed else codec.preview(entry.payload, CALL_MAX) if entry.payload else "",
        error=recorded_failure(entry.payload, traceback=False) if failed else UNSET,
    )


def _fits(item: StepItem, query: StepsQuery) -> bool:
    text = query.q.lower()
    return query.state in ("", item.state) and (text in item.step.lower() or text in item.function.lower())
