"""Runs that their script has left under a former name of its functions take the name of now.

Podium 0.1 called a script by its file's stem, and a project that begins in another folder names its files
anew. Only the very script that started a run may say that its `main:flow` is `invoices.main:flow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..errors import StoreError
from ..functions import Function
from ..model import Fence, Outcome, Query, RunRow, State, Write
from ..modules import main_name
from ..store import Store

_FREE = frozenset({State.QUEUED, State.WAITING, State.PARKED})


def take_new_names(
    store: Store, starter: str, functions: Mapping[str, Function], tell: Callable[[str], None]
) -> None:
    """Rename what this script has left. What cannot be now (the store is busy) the next opening does."""
    module = main_name()
    mine = [name for name in list(functions) if starter and name.partition(":")[0] == module]
    try:
        for name in mine:
            for former in _former(name):
                rows = store.find(Query(function=former, left_by=starter))
                renamed = _rename(store, rows, name)
                if renamed:
                    runs = "1 run" if renamed == 1 else f"{renamed} runs"
                    tell(f"podium: {runs} of {former} took its new name, {name}")
    except StoreError:
        return


def _former(name: str) -> Iterator[str]:
    """Every shorter path to the file: "shop.flows:buy" may have been "flows:buy"."""
    module, _, qualname = name.partition(":")
    parts = module.split(".")
    if parts[-1] == "__main__":
        yield f"{'.'.join(parts[:-1])}:{qualname}"
    for first in range(1, len(parts)):
        yield f"{'.'.join(parts[first:])}:{qualname}"


def _rename(store: Store, rows: list[RunRow], name: str) -> int:
    writes = [Write(Fence(row.id, row.token, _FREE), rename=name) for row in rows if row.state in _FREE]
    verdicts = store.commit(None, writes) if writes else ()
    return sum(verdict.outcome is Outcome.DONE for verdict in verdicts)
