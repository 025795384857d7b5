"""What few runs in memory need beside their steps: made on first use.

A thousand runs that only do steps are a thousand objects less for each of these, which the collector would
pass over again and again.
"""

from __future__ import annotations

from typing import Any

from ..machine import Machine
from ..model import Head
from .alarm import Alarm
from .attempts import Attempts
from .border import Border
from .context import Context
from .driver import Driver
from .inbox import Inbox
from .outbox import Outbox


class Doors:
    """The ways by which one run in memory is reached, and reaches others. `OwnedRun` is what has them: it has
    this as its base, so that no run has an object more, for doors that it may never open."""

    _context: Context
    _host: Any  # at least one of `Neighbours`
    head: Head
    machine: Machine
    attempts: Attempts
    outbox: Outbox
    _driver: Driver
    _border: Border | None
    _inbox: Inbox | None
    _alarm: Alarm | None

    @property
    def border(self) -> Border:
        """What goes out of the run."""
        if self._border is None:
            self._border = Border(
                self._context, self._host, self.head, self.machine, self._driver, self.attempts, self.outbox
            )
        return self._border

    @property
    def inbox(self) -> Inbox:
        """What comes in."""
        if self._inbox is None:
            self._inbox = Inbox(self._context, self.head, self.machine, self._driver, self.outbox)
        return self._inbox

    @property
    def _timer(self) -> Alarm:
        """What wakes it."""
        if self._alarm is None:
            self._alarm = Alarm(self._context.env, self._context.reactor)
        return self._alarm

    def _take_up(self) -> None:
        """The replay is over. What the body has asked of others goes out, perhaps again; what has come
        meanwhile is taken before anything begins."""
        self._driver.end_replay(self.head)
        if self.machine.sent or self._border is not None:
            self.border.take_up()
        if self._inbox is not None:
            self._inbox.take_up()

    def _shut(self) -> None:
        """The run leaves memory."""
        if self._alarm is not None:
            self._alarm.drop()
        if self._border is not None:
            self._border.drop()
