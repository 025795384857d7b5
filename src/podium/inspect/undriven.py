"""Which engines live, and what none of them drives, or would drive when it is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..env import is_stopped
from ..model import ALERT, EngineRow, RunRow, State, read_engine_info
from .store_view import StoreView

UNFINISHED = frozenset({State.QUEUED, State.RUNNING, State.WAITING})


def living(view: StoreView) -> list[EngineRow]:
    """The engines that can act."""
    return [engine for engine in view.store.engines() if can_act(view.is_alive, engine)]


def can_act(is_alive: Callable[[EngineRow], bool | None], engine: EngineRow) -> bool:
    """Whether an engine's process is there and not stopped, as far as a look can tell."""
    alive = is_alive(engine)
    return alive is not False and not (alive and is_stopped(engine.pid))


def offered(engines: Iterable[EngineRow]) -> dict[str, str]:
    """The functions that engines have, with the fingerprints of their code."""
    return {name: code for engine in engines for name, code in engine.functions.items()}


def has_function(engine: EngineRow, row: RunRow) -> bool:
    """Whether an engine has the function of a run, and not one of that name in another project."""
    if row.function not in engine.functions:
        return False
    return row.project in ("", read_engine_info(engine.info).projects.get(row.function, ""))


def would_take(engine: EngineRow, row: RunRow) -> bool:
    """Whether a live engine takes this run when it is due: it has the function, and drives all runs, or this
    one because its process started it, attached to it or was told to drive it, or the run that started it."""
    if not has_function(engine, row):
        return False
    if row.function == ALERT:
        return True
    info = read_engine_info(engine.info)
    if info.queues is not None and row.queue not in info.queues:
        return False
    if info.run:
        return info.run in (row.id, row.parent, row.root)
    return info.drives == "all" or row.starter_engine == engine.id


def hindrance(engine: EngineRow) -> str:
    """What keeps a live engine from taking anything; "" where nothing does."""
    info = read_engine_info(engine.info)
    return f"is held up: {info.blocked}" if info.blocked else f"is {info.state}" if info.state else ""


def undriven(rows: Iterable[RunRow], engines: Sequence[EngineRow]) -> list[RunRow]:
    """Of these the unfinished runs that none of these living engines has, or would take."""
    alive = {engine.id for engine in engines}
    return [
        row
        for row in rows
        if row.state in UNFINISHED
        and row.owner not in alive
        and not any(would_take(engine, row) for engine in engines)
    ]
