"""Engines as programs get them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ..env import is_stopped
from ..errors import RunNotFound, UsageError, WrongState
from ..model import ASK_DRAIN, ASK_PAUSE, EngineInfo, read_engine_info
from .dates import iso
from .store_view import StoreView


class EngineShape(msgspec.Struct, frozen=True, kw_only=True):
    """An engine. `alive`: null where only its lease can tell (another host); `slots`: `def` tasks at once;
    `blocked`: what holds up its event loop; `full`: slots, by option, that have been held for too long;
    `broken`: modules that it cannot import; `queues` that it serves (null: all); `state`: "paused",
    "draining" or ""; `runs` in memory, `tasks` that run or are in line, when it was `seen`
    last, by its own clock."""

    id: str
    host: str
    pid: int
    started: str | None
    beat: int
    alive: bool | None
    stopped: bool
    kind: str
    script: str
    release: str
    drives: str
    slots: int
    functions: list[str]
    modules: list[str]
    blocked: str
    full: dict[str, int]
    broken: dict[str, str]
    queues: list[str] | None
    state: str
    runs: int
    tasks: int
    seen: str | None


_ASKS = {"pause": ASK_PAUSE, "resume": "", "drain": ASK_DRAIN}


def ask_engine(view: StoreView, engine: EngineShape, action: str) -> None:
    """Ask an engine to pause, resume or drain, by the command line and over HTTP alike. Raises UsageError for
    another word, WrongState for a drain of what is no worker, RunNotFound where it has ended."""
    if action not in _ASKS:
        raise UsageError(f"podium workers WORKER {action}: pause, resume or drain is needed")
    if action == "drain" and engine.kind == "embedded":
        raise WrongState(f"process {engine.pid} on {engine.host} is a program of its own, and no worker")
    if not view.store.ask_engine(engine.id, _ASKS[action]):
        raise RunNotFound(f"{engine.id} has ended")


def engine_shapes(view: StoreView) -> list[EngineShape]:
    """All engines with a row, oldest first."""
    shapes: list[EngineShape] = []
    for row in view.store.engines():
        info, alive = read_engine_info(row.info), view.is_alive(row)
        shapes.append(
            EngineShape(
                id=row.id,
                host=row.host,
                pid=row.pid,
                started=iso(row.started),
                beat=row.beat,
                alive=alive,
                stopped=alive is True and is_stopped(row.pid),
                kind=info.kind,
                script=info.script,
                release=info.version,
                drives=info.drives,
                slots=info.slots,
                functions=sorted(row.functions),
                modules=list(info.modules),
                blocked=info.blocked,
                full=dict(info.full),
                broken=dict(info.broken),
                queues=None if info.queues is None else list(info.queues),
                state=info.state,
                runs=info.runs,
                tasks=info.tasks,
                seen=iso(info.beaten) if info.beaten else None,
            )
        )
    return shapes


_HELD = {"thread_slots": "`def` tasks", "loop_slots": "`async def` tasks", "process_slots": "isolated tasks"}


def full_slots(info: EngineInfo) -> Iterator[str]:
    """What holds up an engine whose slots are held by tasks that have started runs."""
    for option, slots in info.full.items():
        yield (
            f"all {slots} slots for {_HELD[option]} ({option}) are held by tasks that have started runs, and "
            "others wait in line: if those wait for these runs, both wait for ever"
        )
