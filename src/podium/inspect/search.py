"""Looking for runs by a query: what the store can narrow down it does, the rest is asked of each run here."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ..model import RunRow
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
