"""Brings one run's machine to where its history ends."""

from __future__ import annotations

from collections.abc import Sequence

from ..functions import Function
from ..machine import Machine
from ..model import Entry, Head, Kind, clock_of, lineage_of, undone_of
from .attempts import Attempts
from .border import Border
from .driver import Driver
from .inbox import Inbox


def machine_of(head: Head, function: Function) -> Machine:
    """The machine of a run, on the code that there is of its function, before its first turn."""
    same_code = head.fingerprint == function.fingerprint != ""
    make = function.machine or Machine
    machine: Machine = make(head.id, function, head.args, clock_of(head), lineage_of(head), same_code)
    machine.headers, machine.since = head.context, head.started
    machine.verbs.generation, machine.verbs.undone = head.generation, undone_of(head)
    return machine


class Replay:
    """The recorded past of one run, fed once."""

    def __init__(self, head: Head, driver: Driver, attempts: Attempts, border: Border, inbox: Inbox) -> None:
        self._head, self._driver, self._attempts, self._border = head, driver, attempts, border
        self._inbox = inbox
        self._streams = driver.machine.verbs.streams
        self._is_on_record = False  # that the body's turn is about to begin, see `poison_bodies`

    def begin(self, on_record: bool) -> None:
        """The body's first turn. `on_record`: it is on record that this was about to come."""
        self._is_on_record, head = on_record, self._head
        self._streams.begin(head.base, head.copied, head.entries)
        self._driver.begin(has_past=self._head.entries > self._head.base)

    def feed(self, entries: Sequence[Entry]) -> None:
        """A piece of the history."""
        self._driver.replay(entries, self._head.copied)

    def end(self) -> None:
        """From here on things happen for the first time."""
        self._driver.end_replay(self._head)
        if self._is_on_record:
            self.survive()  # nothing begins before this is durable
        elif self._attempts.have_lost and not self._head.lost:
            self._driver.note(Kind.FORGIVEN)  # the store counts no loss since a person resumed it
        self._border.take_up()
        self._inbox.take_up()

    def survive(self) -> None:
        """The turn that is on record was not lost with its process."""
        if self._is_on_record:
            self._is_on_record = False
            self._driver.note(Kind.TURN_SURVIVED)
