"""What an engine may be told."""

from __future__ import annotations

import os
from typing import Any, Literal

import msgspec

from .checks import check_count, check_seconds
from .errors import UsageError

EVICT_SECONDS = 1.0  # a wait shorter than this stays in memory ...
EVICT_REPLAYS = 20.0  # ... and so does one shorter than so many times the replay it would cost
REPLAY_SECONDS_PER_ENTRY = 50e-6
# What becomes of runs that nobody in this process started or waits for: "equal", driven like the others (a
# worker); "watch", only looked at, by a pool that starts workers; "yield", driven, but handed back at once at
# shutdown; "leave", left to other engines.
Others = Literal["equal", "yield", "leave", "watch"]
_MAY_BE_NONE = ("process_slots", "log_lines", "log_bytes", "log_line")


class Options(msgspec.Struct, frozen=True):
    """What an engine may be told; every default is safe. Times in seconds.

    runs_max       runs in memory at once; more wait in the store
    loop_slots     `async def` tasks at once
    thread_slots   `def` tasks at once
    process_slots  tasks in processes of their own at once; 0: one per core
    abandoned_max  threads lost to bodies that do not end; then a worker is replaced
    lease          silence after which an engine counts as dead
    poll           how often to look for due runs and messages unasked
    turn_budget    a workflow may compute that long without waiting
    grace          for running tasks to end at shutdown
    log_lines      kept of what one attempt prints and logs; 0: none, nothing is listened to
    log_bytes      of these together, in UTF-8
    log_line       characters of one line
    messages_kept  how long a message that was taken stays known, so that a repeat of it is none
    measures_kept  how long points of series are kept
    evict_always   drop a run from memory whenever it only waits: for tests
    queues         names of the queues that are served; "": runs in no queue. None: all that there are

    Raises UsageError for what cannot be.

    Example:

    >>> options = Options(thread_slots=8, grace=30.0)
    """

    runs_max: int = 1000
    loop_slots: int = 1000
    thread_slots: int = 32
    process_slots: int = 0
    abandoned_max: int = 16
    lease: float = 10.0
    poll: float = 1.0
    turn_budget: float = 10.0
    grace: float = 5.0
    log_lines: int = 1000
    log_bytes: int = 262_144
    log_line: int = 8192
    messages_kept: float = 30 * 86_400.0
    measures_kept: float = 400 * 86_400.0
    evict_always: bool = False
    queues: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, default in zip(self.__struct_fields__, self.__struct_defaults__, strict=True):
            value = getattr(self, name)
            if name == "queues":
                check_queues(value)
            elif type(default) is bool:
                if type(value) is not bool:
                    raise UsageError(f"Options({name}={value!r}): True or False is needed")
            elif type(default) is int:
                check_count("Options", name, value, 0 if name in _MAY_BE_NONE else 1)
            else:
                check_seconds("Options", name, value, zero=name == "grace")

    def patience(self, entries: int) -> float:
        """How long a run with a history of so many entries may wait in memory, in seconds."""
        if self.evict_always:
            return 0.0
        return max(EVICT_SECONDS, EVICT_REPLAYS * REPLAY_SECONDS_PER_ENTRY * entries)


def check_queues(queues: Any) -> None:
    """Raise UsageError unless they are names of queues, in a tuple, or None."""
    if queues is None or (isinstance(queues, tuple) and all(isinstance(name, str) for name in queues)):  # pyright: ignore[reportUnknownVariableType]  # as given
        return
    raise UsageError(f"Options(queues={queues!r}): a tuple of names is needed", fix='queues=("gpu", "")')


def cores() -> int:
    """Those that this process may use, which in a container are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
