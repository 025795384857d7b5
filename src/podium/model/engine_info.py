"""What an engine says of itself in its row, as data: for whoever wants to know which process that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

ON_STORE = "waits for the store on the event loop"  # so `blocked` has it where the user's line is right


class EngineInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """`EngineRow.info` (JSON)."""

    kind: Literal["embedded", "worker", "pool"] = "embedded"  # "pool": starts workers, and drives nothing
    drives: Literal["all", "own"] = "all"  # "own": what its process started or attached to
    script: str = ""  # what started it: a file, or the words of a command
    version: str = ""  # of Podium, where that is known without looking for it
    slots: int = 0  # `def` tasks at once
    run: str = ""  # of `podium run`: the one that it drives, and no other
    modules: tuple[str, ...] = ()  # of a worker: what it was told to serve
    queues: tuple[str, ...] | None = None  # that it serves; "": runs in none. None: all
    blocked: str = ""  # what holds up its event loop: "pull of run 1k0v blocks the event loop, at app.py:7"
    projects: Mapping[str, str] = {}  # of functions whose code is of another project than the store
    full: Mapping[str, int] = {}  # by option (`thread_slots`): slots that have been held for too long
    losing: Mapping[str, str] = {}  # by run: why attempts of it come to nothing, and begin again
    awaiting: Mapping[str, tuple[str, ...]] = {}  # by run whose tasks all wait for other runs: these
    state: Literal["", "paused", "draining"] = ""
    runs: int = 0  # in memory
    tasks: int = 0  # that run, or are in line for a slot
    beaten: float = 0.0  # when it renewed last, by its own clock
    broken: Mapping[str, str] = {}  # those that cannot be imported: "ImportError: no x (file.py:2)"

    def written(self) -> str:
        """As it stands in the row."""
        return msgspec.json.encode(self).decode()


def read_engine_info(info: str) -> EngineInfo:
    """The way back; what is not from here is taken for the bare script that early versions wrote."""
    try:
        return msgspec.json.decode(info, type=EngineInfo)
    except msgspec.MsgspecError:
        return EngineInfo(script=info)
