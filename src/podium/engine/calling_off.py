"""Ends runs that were asked to stop before their body had a turn: it never has one."""

from __future__ import annotations

from ..model import Entry, Fence, Kind, Message, Move, State, Write, name_of


def calling_off(cancel: Message, token: int, at: float) -> Write:
    """The Write that ends a run by the cancel that lies in its inbox. `token`: 0 of one that is in line and
    nobody's, else ours. Refused where somebody has it, or where it has a past: that may have to be undone."""
    held = State.RUNNING if token else State.QUEUED
    entry = Entry(1, Kind.MESSAGE, at, cancel.id, name=name_of(cancel))
    return Write(Fence(cancel.run, token, frozenset({held})), Move(State.CANCELLED, at=at), (entry,))
