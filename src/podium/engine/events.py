"""What an engine tells those who follow along: one frozen class for each thing that happens.

Nothing rests on an event, and none is durable. They are published on the engine's thread, except for
`AttemptProgressed`, `AttemptPrinted` and `AttemptLogged`, which come from the thread that has them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from ..executors import Attempt, Progress
from ..model import Entry, Head, Move


class RunAdopted(msgspec.Struct, frozen=True):
    """The run came into memory; its history is about to be replayed."""

    run: str
    head: Head


class AttemptBegan(msgspec.Struct, frozen=True):
    """The attempt was given to its executor, where it may still wait for a slot."""

    run: str
    attempt: Attempt


class AttemptProgressed(msgspec.Struct, frozen=True):
    """The task said how far it is."""

    run: str
    attempt: Attempt
    progress: Progress


class AttemptPrinted(msgspec.Struct, frozen=True):
    """A task in a process of its own printed a line."""

    run: str
    attempt: Attempt
    stream: str  # "stdout" or "stderr"
    line: str


class AttemptLogged(msgspec.Struct, frozen=True):
    """A task in a process of its own made a log record."""

    run: str
    attempt: Attempt
    record: logging.LogRecord


class AttemptRecorded(msgspec.Struct, frozen=True):
    """The attempt ended: a RESULT, ERROR or RETRY entry, which is not durable yet."""

    run: str
    entry: Entry


class AttemptCancelled(msgspec.Struct, frozen=True):
    """The attempt was stopped, because its run does not wait for it any more."""

    run: str
    attempt: Attempt


class RunLeft(msgspec.Struct, frozen=True):
    """The run left memory by a durable move: it ended, waits, is parked or was handed back."""

    run: str
    move: Move


class RunLost(msgspec.Struct, frozen=True):
    """A write was refused: another engine owns the run now."""

    run: str


Event = (
    RunAdopted
    | AttemptBegan
    | AttemptProgressed
    | AttemptPrinted
    | AttemptLogged
    | AttemptRecorded
    | AttemptCancelled
    | RunLeft
    | RunLost
)
Observer = Callable[[Event], None]


class EventFeed:
    """The observers of one engine. Any thread; an observer returns at once and raises nothing."""

    def __init__(self, observers: list[Observer]) -> None:
        self.observers = observers  # the caller's own list, to which more may be added

    def publish(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self.observers:
            observer(event)
