"""Frozen data that every layer above shares: states, records of the store seam, declared functions."""

from .records import (
    FED,
    Claimed,
    EngineRow,
    Entry,
    Fence,
    Head,
    Kind,
    Message,
    Move,
    NewRun,
    Outcome,
    Query,
    RunRow,
    Verdict,
    Write,
)
from .states import FINAL, TRANSITIONS, UNFINISHED, State, may_move

__all__ = [
    "FED",
    "FINAL",
    "TRANSITIONS",
    "UNFINISHED",
    "Claimed",
    "EngineRow",
    "Entry",
    "Fence",
    "Head",
    "Kind",
    "Message",
    "Move",
    "NewRun",
    "Outcome",
    "Query",
    "RunRow",
    "State",
    "Verdict",
    "Write",
    "may_move",
]
