"""The depot of a store on a server: a folder that all its hosts share, where one is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ...depot import Depot, Kept, Lain, Sink
from ...errors import StoreRefused
from .lines import Line
from .statements import SQL, Connection, Statement, trip

SETTING = "PODIUM_VALUES"
BATCH = 50  # files that are removed while nobody can name one


class NoDepot(Depot):
    """Where nothing can be kept: which folder all hosts share only people know."""

    keeps = False

    def put(self, write: Callable[[Sink], object]) -> Kept:
        raise StoreRefused(
            "values by reference lie in a folder that all hosts of the store share, and none is named",
            fix=f"{SETTING}=/that/folder, on each host",
        )


def depot_at(folder: str | os.PathLike[str] | None) -> Depot:
    """The folder that is given, or that the environment names."""
    named = folder or os.environ.get(SETTING, "")
    return Depot(Path(named).absolute()) if named else NoDepot(Path(f"({SETTING})"))


def sweep(line: Line, opening: list[Statement], depot: Depot, before: float) -> tuple[int, int]:
    """See `Store.sweep`."""
    old = [lain for lain in depot.all() if lain.at < before]
    removed: list[Lain] = []
    for begin in range(0, len(old), BATCH):
        with line.held() as connection:
            try:
                trip(connection, [*opening, (SQL["lock_value_names"], {})])
                with depot.sweeping() as is_alone:
                    left = _unnamed(connection, old[begin : begin + BATCH]) if is_alone else []
                    removed += [lain for lain in left if depot.remove(lain)]
            finally:
                if not connection.closed:
                    trip(connection, [(SQL["rollback"], {})])  # it has changed nothing there
    return len(removed), sum(lain.size for lain in removed)


def _unnamed(connection: Connection, files: list[Lain]) -> list[Lain]:
    ((*named,),) = [trip(connection, [(SQL["named_values"], {"names": [lain.name for lain in files]})])[0]]
    known = {name for (name,) in named}
    return [lain for lain in files if lain.name not in known]
