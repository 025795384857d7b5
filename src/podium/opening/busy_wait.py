"""A store that is busy or full for a while is waited for, and whoever waits is told for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from ..env import Env
from ..errors import StoreUnavailable
from ..shortage import shortage_of

PATIENCE = 30.0  # seconds that opening waits, and a commit of a process without an engine
# A single call comes back soon: an engine's committer tries again anyway, and while a call waits inside
# SQLite the engine's loop stands still, timeouts of tasks included; whoever else waits is told for whom.
CALL_PATIENCE = 1.0

WAITING = "podium: waiting for the store"  # how the notice begins
NEW_STORE = "podium: new store"  # likewise, of one that was made

T = TypeVar("T")


def patiently(act: Callable[[], T], env: Env, notice: Callable[[str], None], seconds: float = PATIENCE) -> T:
    """Do it as soon as the store lets us; raises its StoreUnavailable after so many seconds, and
    ResourceShortage for what else has no threads, memory or descriptors."""
    until, told = env.monotonic() + seconds, False
    while True:
        try:
            return act()
        except StoreUnavailable as error:
            if error.unknown or env.monotonic() >= until:  # what may have happened is not simply repeated
                raise
            if not told:
                notice(f"{WAITING}: {error.message}")
                told = True
        except Exception as error:
            lack = shortage_of(error)
            if lack is None:
                raise
            raise lack from error
        threading.Event().wait(env.uniform(0.05, 0.15))
