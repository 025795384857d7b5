"""Which runs of a family come from a given one of it: an index leads from its top to all, and no further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import RunRow
from .protocol import Store


def below(store: Store, run: RunRow, family: Sequence[RunRow]) -> Iterator[RunRow]:
    """Those of some runs of its family that this run has started, or what it has started has, and so on."""
    if run.root in ("", run.id):  # the top of it
        yield from family
        return
    parents = {one.id: one.parent for one in family}
    parents |= {run.id: "", run.root: ""}  # what is above it is no matter, and above the top is nothing
    while missing := {parent for parent in parents.values() if parent and parent not in parents}:
        found = store.load_many(list(missing))
        parents |= {id: found[id].parent if id in found else "" for id in missing}
    for one in family:
        above = parents[one.id]
        while above and above != run.id:
            above = parents[above]
        if above:
            yield one
