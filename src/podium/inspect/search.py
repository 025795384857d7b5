"""Looking for runs by a query: what the store can narrow down it does, the rest is asked of each run here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ..model import Query, RunRow, State, is_fork
from .query import ParsedQuery
from .store_view import StoreView

SCAN_MAX = 20_000  # runs that are read and asked; a list must answer soon
_PAGE = 500


class SearchResult(NamedTuple):
    """Runs that match, newest first."""

    rows: list[RunRow]
    more: bool  # there are further ones
    looked_at: int | None  # None: at all there are; else only the newest so many were read


def search(view: StoreView, parsed: ParsedQuery, limit: int, scan_max: int = SCAN_MAX) -> SearchResult:
    """The newest `limit` runs that match. Stops early, and says when it has not looked at all of them."""
    scan_max = max(scan_max, limit + 1)
    page_size = min(_PAGE, scan_max) if parsed.tests else limit + 1
    query = msgspec.structs.replace(parsed.query, limit=page_size)
    rows: list[RunRow] = []
    looked = 0
    while looked < scan_max or not parsed.tests:
        page = view.store.find(query)
        looked += len(page)
        rows += [row for row in page if all(test(row) for test in parsed.tests)]
        if len(rows) > limit or len(page) < page_size:
            return SearchResult(rows[:limit], len(rows) > limit, None)
        query = msgspec.structs.replace(query, before=page[-1].id)
    return SearchResult(rows, False, looked)


def pages(view: StoreView, parsed: ParsedQuery) -> Iterator[list[RunRow]]:
    """All runs that match, newest first, as many at a time as one read of the store gives."""
    query = msgspec.structs.replace(parsed.query, limit=_PAGE)
    while page := view.store.find(query):
        yield [row for row in page if all(test(row) for test in parsed.tests)]
        if len(page) < _PAGE:
            return
        query = msgspec.structs.replace(query, before=page[-1].id)


class Tally(NamedTuple):
    """How many runs match, by state and by function. Not `exact`: only the newest so many were counted."""

    states: Counter[State]
    functions: Counter[str]
    exact: bool

    @property
    def total(self) -> int:
        """How many were counted."""
        return self.states.total()


def tallied(view: StoreView, parsed: ParsedQuery, most: int) -> Tally:
    """How many runs match: the newest `most` of what the store finds are looked at."""
    tally = Tally(Counter(), Counter(), True)
    query = msgspec.structs.replace(parsed.query, limit=_PAGE)
    looked = 0
    while page := view.store.find(query):
        for row in page:
            if all(test(row) for test in parsed.tests):
                tally.states[row.state] += 1
                tally.functions[row.function] += 1
        looked += len(page)
        if len(page) < _PAGE:
            return tally
        if looked >= most:
            return tally._replace(exact=False)
        query = msgspec.structs.replace(query, before=page[-1].id)
    return tally


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
