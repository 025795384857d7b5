"""Who is alive, by observation.

An engine's heartbeat is a counter. An engine is dead when this engine saw the counter unchanged for a
whole lease of its own monotonic time, during which its own renewals succeeded: so a stalled store, a
clock that jumps or a laptop's sleep condemns no one. On one host each engine also holds an OS lock, and
a free lock is a dead engine at once.

Nothing here starts a thread: the heartbeat thread in `host.py` calls `beat` and `observe` in a loop, the
simulator calls them on virtual time.
"""

from __future__ import annotations

import logging
from typing import Protocol

from ..env import Env
from ..errors import StoreError, StoreUnavailable
from ..model import Beat, EngineRow
from ..store import Store

log = logging.getLogger("podium")

BEATS = 3  # renewals in a lease, when all is well
# Of a lease: a pause between renewals that says that we were away. Well below a whole one, because whatever
# held us up (a write lock held for long) held the others up as well, and they may be let go later than we.
AWAY = 2 / BEATS


class Locks(Protocol):
    """Proof of life on one host: a lock that the system frees when its holder dies."""

    def is_free(self, engine: Beat | EngineRow) -> bool:
        """True only if the holder is certainly dead; False also where nothing is known."""
        ...

    def remove(self, engine: Beat | EngineRow) -> None:
        """Its row is gone: nobody asks for its lock any more."""
        ...


class NoLocks:
    """Where there is no host to ask (a store in memory)."""

    def is_free(self, engine: Beat | EngineRow) -> bool:
        return False

    def remove(self, engine: Beat | EngineRow) -> None:
        pass


class Ownership:
    """One engine's view of the others, and its own right to go on."""

    def __init__(self, store: Store, engine: str, env: Env, locks: Locks, lease_seconds: float) -> None:
        self._store, self._engine, self._env = store, engine, env
        self._locks, self._lease = locks, lease_seconds
        self._seen: dict[str, tuple[int, float]] = {}  # beat, and when it was first seen at that
        self._renewed: float | None = None  # monotonic time of the last successful renewal
        self.condemned = False
        self.others: list[Beat] = []  # at the last look
        self.asked = ""  # of this engine, by a person, likewise
        self._told = ""  # of the store's errors, the last one

    def beat(self, info: str | None = None) -> bool:
        """Renew, and say something new of this engine; False if it has no row any more and must stop."""
        try:
            alive = self._store.heartbeat(self._engine, info)
        except StoreError as error:
            self._tell(error)
            return True  # unknown; others cannot see us fail any more than we can renew
        if not alive:
            self.condemned = True
            return False
        now = self._env.monotonic()
        if self._renewed is None or now - self._renewed > self._lease * AWAY:
            self._seen.clear()  # we were away ourselves: what we saw before proves nothing
        self._renewed = now
        return True

    def observe(self) -> int:
        """Look at the others and free what the dead held; returns the number of runs freed."""
        began = self._env.monotonic()
        if self._renewed is None or began - self._renewed > self._lease * AWAY:
            return 0  # what keeps us from renewing may keep the others
        try:
            rows = self._store.beats()
            self.others = [row for row in rows if row.id != self._engine]
            self.asked = next((row.asked for row in rows if row.id == self._engine), self.asked)
            dead = [row for row in self.others if self._is_dead(row, began)]
            freed = self._store.release({row.id: row.beat for row in dead}, self._env.now())
        except StoreError as error:
            self._tell(error)
            return 0
        for row in dead:
            self._locks.remove(row)
        return freed

    def _tell(self, error: StoreError) -> None:
        """What time does not mend is said, once: what the dead have left stands still. The rest is the
        committer's to tell."""
        if not isinstance(error, StoreUnavailable) and self._told != str(error):
            self._told = str(error)
            log.warning(
                "engine %s cannot tell who is alive, nor free what the dead left: %s", self._engine, error
            )

    def _is_dead(self, row: Beat, looked: float) -> bool:
        """By a look that began at `looked`. A pause in the middle of a look must condemn nobody, so what is
        new in it counts from its end, and what is old in it only up to its beginning."""
        if self._locks.is_free(row):
            return True
        beat, since = self._seen.get(row.id, (-1, looked))
        if beat != row.beat:
            self._seen[row.id] = (row.beat, self._env.monotonic())
            return False
        return looked - since > self._lease
