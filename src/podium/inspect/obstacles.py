"""What may hold a run up, one by one: which of these does, which were looked at and do not.

Drawn from the cause, which has looked: nothing is looked at here that it has not, and what it had no reason
to look at is said to be open. A run that has ended is held up by nothing.
"""

from __future__ import annotations

import msgspec

from ..errors import ArgumentError, DecodeError, Mismatch
from ..model import RunRow, State, read_reason
from .causes import BY_WRITE_LOCK, Cause

FINE, HOLDS, OPEN = "fine", "holds", "open"

# In the order in which they are asked: without a store nothing moves, without an owner no code, and so on.
NAMES = {
    "store": "The store can be written",
    "lease": "No owner that is gone holds it",
    "owner": "Whoever drives it, or will, is well",
    "code": "Its code fits its record",
    "pause": "It is not parked",
    "queue": "No limit of a queue holds it",
    "retry": "No retry is still to come",
    "timer": "No timer is still to come",
    "message": "No message or answer is missing",
}
# By kind of cause. Of any other kind nothing holds it: it moves, or is about to.
HELD_BY = {
    "store-busy": "store", "orphaned": "lease", "retrying": "retry", "delayed": "timer", "sleeping": "timer",
    "message": "message", "question": "message", "child": "message", "other-code": "code",
    "queue-unserved": "queue", "queue-paused": "queue", "queue-full": "queue", "queue-rate": "queue",
    "queue-held": "queue", "frozen": "owner", "silent": "owner", "blocked": "owner", "left": "owner",
    "no-engine": "owner", "no-offer": "owner", "broken-module": "owner",
}  # fmt: skip
# Why a run is parked whose code does not fit its record.
_UNFIT = frozenset({ArgumentError.code, DecodeError.code, Mismatch.code})


class Check(msgspec.Struct, frozen=True):
    """One thing that may hold a run up. `verdict`: "fine", "holds", or "open" where nobody had to look."""

    name: str
    verdict: str
    text: str


def checks_of(row: RunRow, cause: Cause, now: float) -> tuple[Check, ...]:
    """All of them, in their order, for a run and its cause; none for one that has ended."""
    if row.state.is_final:
        return ()
    held = _held(row, cause)
    fine = {} if held == "store" else _ruled_out(row, cause.kind, held, now)
    return tuple(_check(key, name, held, fine) for key, name in NAMES.items())


def _check(key: str, name: str, held: str, fine: dict[str, str]) -> Check:
    if key == held:
        return Check(name, HOLDS, "this holds it")
    return Check(name, FINE, fine[key]) if key in fine else Check(name, OPEN, "not looked at")


def _held(row: RunRow, cause: Cause) -> str:
    if row.state is State.PARKED:
        return "code" if read_reason(row.payload).code in _UNFIT else "pause"
    if cause.kind == "frozen" and BY_WRITE_LOCK in cause.what:
        return "store"
    return HELD_BY.get(cause.kind, "")


def _ruled_out(row: RunRow, kind: str, held: str, now: float) -> dict[str, str]:
    """What the cause was found past, and in which words."""
    if row.state is State.PARKED:
        return {"lease": "nobody owns it"}
    always = {"store": "its write lock is free", "pause": "nobody has parked it"}
    if row.state is State.RUNNING:
        return always | _past_an_owner(row, kind, held)
    alone = always | {"lease": "nobody owns it"}
    return alone | (_at_rest(held) if row.due is None or row.due > now else _when_due(kind, held))


def _past_an_owner(row: RunRow, kind: str, held: str) -> dict[str, str]:
    if held == "lease":
        return {}
    fine = {"lease": "its owner lives"}
    if held != "owner":
        fine |= {"owner": "its owner drives it", "code": "it is driven by it"}
        fine["queue"] = f"it has its slot in {row.queue}" if row.queue else "it is in none"
    if kind in ("running", "full", "losing"):
        fine["retry"] = "no step waits for another try"
    return fine


def _at_rest(held: str) -> dict[str, str]:
    if held == "message":  # which is asked first
        return {}
    fine = {"message": "it waits for none of them"}
    return fine | ({"retry": "no step waits for another try"} if held == "timer" else {})


def _when_due(kind: str, held: str) -> dict[str, str]:
    fine = {"timer": "its time has come", "message": "it is due without one"}
    if held != "queue":
        fine["queue"] = "none does"
    if kind in ("due", "other-code"):
        fine["owner"] = "an engine that lives can take it"
    if kind in ("due", "blocked"):
        fine["code"] = "a live engine has the code that drove it"
    return fine
