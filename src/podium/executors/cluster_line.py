"""The attempts that a cluster executor has: in line, under way, and suspects."""

from __future__ import annotations

from itertools import islice

from .attempt import Attempt
from .cluster_wire import Loss
from .protocol import Cancellable

BATCH_MAX = 500  # attempts in one frame

Step = tuple[str, str]  # run and step


class Sent:
    """One attempt, from the moment that it was submitted."""

    def __init__(self, attempt: Attempt, key: str) -> None:
        self.attempt, self.key = attempt, key
        self.step: Step = (attempt.run, attempt.step)
        self.where = ""  # the worker, when that is known
        self.alarm: Cancellable | None = None
        self.has_told = False  # that it waits for the cluster

    @property
    def is_timed(self) -> bool:
        """Whether its timeout is kept."""
        return self.attempt.function.timeout is not None and not self.attempt.is_awaited


class ClusterLine:
    """Used under one lock, its owner's.

    A suspect is a step that was on a worker which died. One suspect is under way at a time, so that the one
    whose doing it was is found out, and not taken for another that was there.
    """

    def __init__(self) -> None:
        self._line: dict[str, Sent] = {}  # not sent yet, by key
        self._open: dict[str, Sent] = {}  # sent
        self._by_attempt: dict[Attempt, str] = {}  # both of these; the key of each
        self._deaths: dict[Step, int] = {}  # of suspects: workers that died by their doing, as far as known
        self._suspect = ""  # the key of the one that is under way

    def add(self, sent: Sent) -> None:
        """Put it at the end."""
        self._line[sent.key] = sent
        self._by_attempt[sent.attempt] = sent.key

    @property
    def waiting(self) -> list[Sent]:
        """What has not been sent."""
        return list(self._line.values())

    @property
    def may_send(self) -> bool:
        """Whether `next_batch` has any."""
        if not self._line or not self._suspect:
            return bool(self._line)
        return any(sent.step not in self._deaths for sent in self._line.values())

    def next_batch(self) -> list[Sent]:
        """Take the next ones, which are under way from here on."""
        batch = list(islice(filter(self._may_begin, self._line.values()), BATCH_MAX))
        for sent in batch:
            self._open[sent.key] = self._line.pop(sent.key)
        return batch

    def _may_begin(self, sent: Sent) -> bool:
        if sent.step not in self._deaths:
            return True
        if self._suspect:
            return False
        self._suspect = sent.key
        return True

    def sent(self, key: str) -> Sent | None:
        """The attempt that is under way by that key."""
        return self._open.get(key)

    def over(self, key: str) -> Sent | None:
        """It has an end of its own; None where nobody wants it any more."""
        sent = self._take(key)
        if sent is not None:
            self._deaths.pop(sent.step, None)
        return sent

    def cancelled(self, attempt: Attempt) -> Sent | None:
        """Its outcome is not wanted any more; None: it is over."""
        return self.over(self._by_attempt.get(attempt, ""))

    def lost(self, loss: Loss) -> tuple[Sent | None, int]:
        """It has no outcome; with how many workers died by the doing of its step, as far as is known."""
        was_suspect = self._suspect == loss.key
        sent = self._take(loss.key)
        if sent is None or not loss.is_death:
            return sent, 0
        deaths = self._deaths[sent.step] = self._deaths.get(sent.step, 0) + (was_suspect or loss.is_alone)
        return sent, deaths

    def absolve(self, sent: Sent) -> None:
        """Its step is no suspect any more."""
        self._deaths.pop(sent.step, None)

    def lose_all(self) -> list[Sent]:
        """The cluster is gone with all that was under way."""
        return [sent for key in list(self._open) if (sent := self._take(key)) is not None]

    def close(self) -> None:
        """Nobody wants any of them."""
        for attempt in self._by_attempt:
            attempt.cancelled = True

    def _take(self, key: str) -> Sent | None:
        sent = self._line.pop(key, None) or self._open.pop(key, None)
        if sent is not None:
            del self._by_attempt[sent.attempt]
            if self._suspect == key:
                self._suspect = ""
        return sent
