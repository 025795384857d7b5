"""Looking for runs by a query: what the store can narrow down it does, the rest is asked of each run here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from ..model import Query, RunRow, State, is_fork
from .dates import ALWAYS
from .query import ParsedQuery
from .store_view import StoreView

SCAN_MAX = 20_000  # runs that are read and asked; a list must answer soon
_PAGE = 500


class SearchResult(NamedTuple):
    """Runs that match, newest first."""

    rows: list[RunRow]
    more: bool  # there are further ones
    looked_at: int | None  # None: at all there are; else only the newest so many were read
    after: str | None = None  # the run behind which a further look begins; None: there is nothing behind


def search(
    view: StoreView, parsed: ParsedQuery, limit: int, scan_max: int = SCAN_MAX, horizon: int | None = None
) -> SearchResult:
    """The newest `limit` runs that match. Stops early, and says when it has not looked at all of them: at
    the newest `scan_max` where each is read and asked here, at the newest `horizon` where no index helps."""
    named = _named(view, parsed)
    if named is None:
        return SearchResult([], False, None)
    near, last = _near(view, named, horizon)
    found = _search(view, near, limit, scan_max)
    if last is None or found.more or found.looked_at is not None:
        return found
    # A whole id leads to its run, however old that is.
    exact = _search(view, _of_id(named), 1, 1).rows if not found.rows and named.query.any_has else []
    if exact and exact[0].id == named.query.any_has:
        return SearchResult(exact, False, None)
    return found._replace(looked_at=horizon, after=last)


def _of_id(parsed: ParsedQuery) -> ParsedQuery:
    return parsed._replace(query=msgspec.structs.replace(parsed.query, id_prefix=parsed.query.any_has))


def _search(view: StoreView, parsed: ParsedQuery, limit: int, scan_max: int) -> SearchResult:
    scan_max = max(scan_max, limit + 1)
    page_size = min(_PAGE, scan_max) if parsed.tests else limit + 1
    query = msgspec.structs.replace(parsed.query, limit=page_size)
    rows: list[RunRow] = []
    looked, last = 0, None
    while looked < scan_max or not parsed.tests:
        page = view.store.find(query)
        looked += len(page)
        rows += [row for row in page if all(test(row) for test in parsed.tests)]
        if len(rows) > limit:
            return SearchResult(rows[:limit], True, None, rows[limit - 1].id)
        if len(page) < page_size:
            return SearchResult(rows, False, None)
        last = page[-1].id
        query = msgspec.structs.replace(query, before=page[-1].place)
    return SearchResult(rows, False, looked, last)


def pages(view: StoreView, parsed: ParsedQuery) -> Iterator[list[RunRow]]:
    """All runs that match, newest first, as many at a time as one read of the store gives."""
    named = _named(view, parsed)
    if named is None:
        return
    query = msgspec.structs.replace(named.query, limit=_PAGE)
    while page := view.store.find(query):
        yield [row for row in page if all(test(row) for test in named.tests)]
        if len(page) < _PAGE:
            return
        query = msgspec.structs.replace(query, before=page[-1].place)


class Tally(NamedTuple):
    """How many runs match, by state and by function. Not `exact`: at least so many."""

    states: Counter[State]
    functions: Counter[str]
    exact: bool

    @property
    def total(self) -> int:
        """How many were counted."""
        return self.states.total()


def tallied(view: StoreView, parsed: ParsedQuery, most: int, scan_max: int, horizon: int) -> Tally:
    """How many runs match, counted up to `most`. Not all are looked at: the newest `scan_max` where each is
    read and asked here, the newest `horizon` where no index helps."""
    tally = Tally(Counter(), Counter(), True)
    named = _named(view, parsed)
    if named is None:
        return tally
    near, last = _near(view, named, horizon)
    if near.tests:
        found = _search(view, near, scan_max, scan_max)
        for row in found.rows:
            tally.states[row.state] += 1
            tally.functions[row.function] += 1
        return tally._replace(exact=last is None and not found.more and found.looked_at is None)
    counted = view.store.tally(msgspec.structs.replace(near.query, limit=most))
    for (state, function), count in counted.items():
        tally.states[state] += count
        tally.functions[function] += count
    return tally._replace(exact=last is None and tally.total < most)


def _named(view: StoreView, parsed: ParsedQuery) -> ParsedQuery | None:
    """The query with the functions whose names pass, so that the store goes by its index of them; None: there
    are none."""
    if not parsed.names:
        return parsed
    known = view.store.functions(1)
    names = [name for name in known if all(test(name) for test in parsed.names)]
    if not names:
        return None
    one: dict[str, Any] = {"function": names[0]} if len(names) == 1 else {"functions": frozenset(names)}
    return parsed._replace(query=msgspec.structs.replace(parsed.query, **one), names=())


def _near(view: StoreView, parsed: ParsedQuery, horizon: int | None) -> tuple[ParsedQuery, str | None]:
    """The query behind no more than so many runs, where the store would walk through all to find few, and the
    last of these."""
    query = parsed.query
    is_walk = query.any_has is not None or query.started is not None or query.functions is not None
    if horizon is None or not is_walk or query.tag is not None:
        return parsed, None
    low, high = query.created or ALWAYS
    end = view.store.horizon(horizon, query.before, high)
    if end is None or end[1] <= low:
        return parsed, None
    return parsed._replace(query=msgspec.structs.replace(query, created=(end[1], high))), end[0]


def among(parsed: ParsedQuery, able: frozenset[State], meant: frozenset[State] | None = None) -> ParsedQuery:
    """The same query for a verb that can do something to `able` states: of these the ones it names, or, where
    it says nothing of states, those that are `meant`."""
    named = parsed.query.states
    states = (meant or able) if named is None else able & named
    return parsed._replace(query=msgspec.structs.replace(parsed.query, states=states))


def retried_since(view: StoreView, created: float) -> set[str]:
    """Runs that a newer one goes on from: a retry of many that is repeated must not make them twice."""
    newer = ParsedQuery(Query(created=(created, math.inf)), (), "")
    return {row.origin for page in pages(view, newer) for row in page if row.origin and not is_fork(row)}
