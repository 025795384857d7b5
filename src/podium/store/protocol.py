"""The store seam: a few methods, by meaning, in batches.

Every method speaks of runs, never of SQL; refusal is an answer (a verdict), not an error. What a backend
must do beyond these docstrings is what `podium.store.contract` asserts; that suite runs on every backend.

Errors: `StoreUnavailable` (retryable: busy past the patience, disk full, connection lost; whether a
commit happened may be unknown, the caller reads back), `StoreFatal` (a failed sync, a corrupt page: never
retried on this handle), `StoreRefused` (opened wrong: newer schema, read-only, network file system).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..model import Claimed, EngineRow, Entry, Head, Message, Query, RunRow, Verdict, Write


class Store(Protocol):
    """Where runs live. Methods may be called from any thread, one commit at a time."""

    def migrate(self) -> None:
        """Create or upgrade the schema; refuses (StoreRefused) one newer than this code, untouched."""
        ...

    def commit(self, engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
        """One transaction, synced to disk before it returns; verdicts in the order of the writes.

        A refused write changes nothing and hurts no neighbour. With `engine` given, every fenced write
        (and every owned new run) also needs that engine's own row and that engine to be the run's owner;
        without it (a client), a fenced write may only touch a run nobody owns. A fenced write whose move
        the transition table does not have is INVALID. Entries must continue the history without a gap,
        else INVALID. Message ids already in the run's inbox or history are DONE without a second copy.
        """
        ...

    def claim(self, engine: str, functions: Mapping[str, str], limit: int, now: float) -> Claimed:
        """Take up to `limit` unowned runs that are due or have messages, oldest due first.

        `functions` maps each function this engine has to its code's fingerprint; runs of other functions
        are left alone. A claim sets the owner, adds 1 to the token, moves the run to running and, the
        first time, records `started`. An engine without a row gets nothing.
        """
        ...

    def collect(self, engine: str) -> list[Message]:
        """Undelivered messages of the runs this engine owns, oldest first. They stay until consumed."""
        ...

    def history(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Entries with seq > after, in order, at most `limit`."""
        ...

    def load(self, run: str) -> RunRow | None:
        """One run by its whole id."""
        ...

    def find(self, query: Query) -> list[RunRow]:
        """Runs that match, newest first."""
        ...

    def announce(self, engine: EngineRow) -> None:
        """Insert this engine's row: from now on it may write."""
        ...

    def heartbeat(self, engine: str) -> bool:
        """Add 1 to the engine's beat. False: the row is gone; this engine was condemned and must stop."""
        ...

    def engines(self) -> list[EngineRow]:
        """All engines with a row, for whoever observes their beats."""
        ...

    def release(self, dead: Sequence[str], now: float) -> int:
        """Delete the rows of `dead` engines, then free every run whose owner has no row.

        A freed run gets token + 1, lost + 1, state waiting (queued stays queued) and is due at once.
        Returns how many were freed. With `dead` empty it only looks for runs whose owner is gone.
        """
        ...

    def retire(self, engine: str, now: float) -> int:
        """A clean goodbye: like `release([engine])`, but its runs were handed back, so lost stays."""
        ...

    def wait(self, timeout: float) -> bool:
        """Return early (True) when another process may have changed something."""
        ...

    def close(self) -> None:
        """Close every connection; closing twice is fine."""
        ...


__all__ = ["Head", "Store"]
