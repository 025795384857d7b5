"""What an engine may be told."""

from __future__ import annotations

import msgspec


class Options(msgspec.Struct, frozen=True):
    """What an engine may be told; every default is safe. Times in seconds."""

    runs_max: int = 1000  # in memory at once; more wait in the store
    loop_slots: int = 1000  # `async def` tasks at once
    thread_slots: int = 32  # `def` tasks at once
    lease: float = 10.0  # silence after which an engine counts as dead
    poll: float = 1.0  # how often to look for due runs and messages unasked
    turn_budget: float = 10.0  # a workflow may compute that long without waiting
    grace: float = 5.0  # for running tasks to end at shutdown
    evict_always: bool = False  # drop a run whenever it only waits: for tests
