"""The states of a run and the only moves between them.

This table owns the states: the store fences on it, the engine moves along it, the docs are drawn from
it. Code elsewhere may name a state, but never decides that one may follow another.
"""

from __future__ import annotations

from enum import Enum


class State(str, Enum):
    """Where a run stands. A run is claimable when it is unfinished, unowned and due."""

    QUEUED = "queued"  # acknowledged, never driven yet
    RUNNING = "running"  # an engine owns it
    WAITING = "waiting"  # no engine owns it; a due time or its inbox wakes it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARKED = "parked"  # needs a person's decision; the reason and the choices are on record

    def __str__(self) -> str:
        return self.value

    @property
    def is_final(self) -> bool:
        """Whether nothing ever follows this state."""
        return not TRANSITIONS[self]

    @property
    def is_settled(self) -> bool:
        """Whether it stays so unless a person decides otherwise: there is nothing more to wait for."""
        return self is State.PARKED or self.is_final


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.PARKED, State.CANCELLED}),
    State.RUNNING: frozenset({State.WAITING, State.SUCCEEDED, State.FAILED, State.CANCELLED, State.PARKED}),
    # Cancelled straight from waiting is `terminate`; a polite cancel is a message and runs the body.
    State.WAITING: frozenset({State.RUNNING, State.PARKED, State.CANCELLED}),
    # A person's decision puts a parked run back in line, or ends it.
    State.PARKED: frozenset({State.WAITING, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}

FINAL: frozenset[State] = frozenset(state for state, after in TRANSITIONS.items() if not after)
UNFINISHED: frozenset[State] = frozenset(State) - FINAL
RETRIABLE: frozenset[State] = frozenset({State.FAILED, State.CANCELLED})  # ends that a retry can go on from


def may_move(before: State, after: State) -> bool:
    """Whether the table has a move from `before` to `after`."""
    return after in TRANSITIONS[before]
