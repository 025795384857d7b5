"""What no live engine drives, or would drive when it is due."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from ..engine import read_engine_info
from ..model import EngineRow, RunRow, State

UNFINISHED = frozenset({State.QUEUED, State.RUNNING, State.WAITING})


def would_take(engine: EngineRow, row: RunRow) -> bool:
    """Whether a live engine takes this run when it is due: it has the function, and drives all runs, or this
    one because its process started it, attached to it or was told to drive it."""
    info = read_engine_info(engine.info)
    if row.function not in engine.functions:
        return False
    if row.project not in ("", info.projects.get(row.function, "")):
        return False  # of a function of that name elsewhere
    if info.run:
        return info.run == row.id
    return info.drives == "all" or row.starter_engine == engine.id


def undriven(rows: Iterable[RunRow], living: Sequence[EngineRow]) -> list[RunRow]:
    """Of these the unfinished runs that none of the living engines has, or would take."""
    alive = {engine.id for engine in living}
    return [
        row
        for row in rows
        if row.state in UNFINISHED
        and row.owner not in alive
        and not any(would_take(engine, row) for engine in living)
    ]


def lookalikes(function: str, offered: Iterable[str]) -> list[str]:
    """Functions that this one may be called now: of its name in another module, or spelled alike."""
    names = list(dict.fromkeys(offered))
    qualname = function.rpartition(":")[2]
    same = [name for name in names if name.rpartition(":")[2] == qualname and name != function]
    return same or difflib.get_close_matches(function, names, 3, 0.8)
