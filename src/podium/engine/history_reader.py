"""The history of a run, as its owner replays it."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import InternalError
from ..model import Entry, Head
from ..store import Store

PAGE = 1000  # entries read at once


def recorded(store: Store, head: Head) -> Iterator[Entry]:
    """Its entries in order, of this generation, no further than the claim saw: what came later is another
    owner's.

    Raises StoreError.
    """
    after = head.base
    while after < head.entries:
        page = store.history(head.id, after, min(PAGE, head.entries - after))
        if not page:
            raise InternalError(f"run {head.id} has only {after} of {head.entries} entries")
        yield from page
        after = page[-1].seq
