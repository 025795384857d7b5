"""What comes into one run from outside, in order and in time.

An outcome, an answer or a cancel is taken at once; a signal lies in the inbox until the body receives its
name, and is taken in the Write that records that it has. Messages and timers are fed by their times: before a
timer fires in a run that waits for messages, the inbox is looked into.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from .. import codec
from ..errors import DecodeError
from ..machine import Machine, OutsideStep, ReceiveStep, awaiting
from ..model import PAUSE, SIGNAL, Head, Kind, Message, name_of
from .context import Context
from .driver import Driver
from .outbox import Outbox

LOOK_AGAIN_SECONDS = 0.2  # when the store could not be read


class Alarmed(Protocol):
    """Told what lay in the inbox then; without that, that it could not be read."""

    def __call__(
        self, jumped: bool = False, found: Sequence[Message] | None = None, looked: float = 0.0
    ) -> None: ...


class Inbox:
    """Of one run in memory."""

    def __init__(
        self, context: Context, head: Head, machine: Machine, driver: Driver, outbox: Outbox
    ) -> None:
        self._context, self._run, self._machine, self._driver = context, head.id, machine, driver
        self._outbox = outbox
        self._messages = head.messages
        # Number of the last message up to which all were seen; None: it has some that nobody has read yet.
        self.seen = None if head.messages else 0
        self._early: list[Message] = []  # came before the replay was over
        self._signals: dict[str, dict[str, Message]] = {}  # that nobody has received yet, by name and id
        self._idle = (-1, 0.0)  # at how many entries, and since when, it only waits for messages
        self._is_looking = False

    def see(self, message: Message, alone: bool) -> None:
        """A message has come. `alone`: nobody has looked whether others lie there before it."""
        if self.seen is not None and (message.n == self.seen + 1 or not alone):
            self.seen = max(self.seen, message.n)

    @property
    def passed_over(self) -> int:
        """Up to which number nothing in it need be read again, while signals lie here that nobody receives;
        0: there are none."""
        return (self.seen or 0) if self._signals else 0

    def looked(self, seen: int) -> None:
        """All messages up to this number have come, or were taken before."""
        self.seen = max(self.seen or 0, seen)

    def keep(self, message: Message) -> None:
        """It comes before the replay is over."""
        self._early.append(message)

    def take_up(self) -> None:
        """The replay is over; a cancel that came meanwhile comes before anything begins."""
        early, self._early = self._early, []
        for message in early:
            self.take(message)

    def take(self, message: Message) -> None:
        """Take a message from the inbox; a signal stays there until the body receives it."""
        if self._machine.finished is not None or message.id in self._driver.delivered:
            return
        if message.kind == SIGNAL:
            lying = self._signals.setdefault(message.name, {})
            if message.id not in lying:  # every look brings again what nobody has received
                lying[message.id] = message
                self.match()
        elif message.kind == PAUSE:
            self._driver.delivered[message.id] = None
            self._outbox.pauses += (message,)
        else:
            self._driver.deliver(message)

    def match(self) -> None:
        """Give signals to those who receive their names, each in order.

        Only names that are received are looked at: up to ten thousand signals may lie here, and a walk over
        them for each that comes held up the whole engine.
        """
        while self._signals and self._machine.finished is None:
            first = self._first_received()
            if first is None:
                return
            message, step = first
            lying = self._signals[message.name]
            del lying[message.id]
            if not lying:
                del self._signals[message.name]
            if _fits(message, step):
                self._driver.deliver(message)
            else:
                self._driver.delivered[message.id] = None
                self._outbox.extras.consumed.append(message.id)
                self._driver.record(Kind.SET_ASIDE, step, message.payload, name_of(message))

    def _first_received(self) -> tuple[Message, OutsideStep] | None:
        """The first signal that is received now, and by which step: of a name the first that asked."""
        found: dict[str, tuple[Message, OutsideStep]] = {}
        for step in self._machine.outside.values():
            if isinstance(step, ReceiveStep) and step.target in self._signals and step.target not in found:
                found[step.target] = next(iter(self._signals[step.target].values())), step
        return min(found.values(), key=lambda each: each[0].n, default=None)

    # -- in time --------------------------------------------------------------------------------------

    def must_look(self, alarm: Alarmed) -> bool:
        """Whether there are messages that nobody has read yet; then it looks."""
        if self.seen is None:
            self.look(alarm)
        return self.seen is None

    def look(self, alarm: Alarmed) -> None:
        """Have `alarm` told what lies there now."""
        if self._is_looking:
            return
        self._is_looking = True
        store, run, now = self._context.store, self._run, self._context.env.now()
        self._context.reader.do(lambda: store.inbox(run), partial(self._found, alarm, now))

    def _found(
        self, alarm: Alarmed, looked: float, found: Sequence[Message] | None, error: BaseException | None
    ) -> None:
        self._is_looking = False
        if found is None or error is not None:
            self._context.reactor.call_later(LOOK_AGAIN_SECONDS, alarm)
        else:
            alarm(found=found, looked=looked)

    def take_in_time(self, found: Sequence[Message], looked: float) -> None:
        """The whole inbox as it was then: what came before a timer was due is taken before that fires."""
        self.looked(max((self._messages, *(message.n for message in found))))
        for message in found:
            if not self._is_asked_for(message):
                self._driver.fire_due(min(message.at, looked))
            self.take(message)
        self._driver.come_due(looked)

    def _is_asked_for(self, message: Message) -> bool:
        """Whether it ends a `receive(timeout=0)`, whose time was up before it came."""
        step = awaiting(self._machine.outside, message.name, is_signal=True)
        return message.kind == SIGNAL and isinstance(step, ReceiveStep) and step.takes_late

    def idle_since(self, now: float) -> float:
        """Since when nothing has happened to it: a message may come soon, nobody knows when."""
        if self._idle[0] != self._outbox.seq:
            self._idle = (self._outbox.seq, now)
        return self._idle[1]


def _fits(message: Message, step: OutsideStep) -> bool:
    try:
        codec.decode(message.payload, step.returns)
    except DecodeError:
        return False
    return True
