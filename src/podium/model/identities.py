"""What the identity of a step tells, and the words that stand in records of steps. `machine.scope` gives a
step its identity: "scope/name#occurrence"."""

from __future__ import annotations

UNDO_SCOPE = "undo"  # of the steps that undo others
AGAIN = "again"  # state of a step that a person settles: it is to be done again


def label_of(identity: str) -> str:
    """The name of a step's function, without its module."""
    return identity.rpartition("/")[2].partition("#")[0]


def is_undo(identity: str) -> bool:
    """Whether that is a step which undoes another."""
    return identity.startswith(f"{UNDO_SCOPE}/")
