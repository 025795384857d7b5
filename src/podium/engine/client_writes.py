"""What a client asks an engine to write: a source for the committer, answered whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from ..errors import PodiumError
from ..model import NewRun, Verdict, Write
from ..shortage import shortage_of
from .watchers import Watcher


class Port(Protocol):
    """Where it was asked for."""

    pending: dict[ClientWrite, None]

    def left_behind_for(self, start: Start) -> Verdict | None: ...

    def answered(self, start: Start, verdict: Verdict) -> None: ...

    def give_back(self, start: Start) -> None: ...


class ClientWrite:
    """A client's write (a start, a message, a person's decision), which is answered whatever happens."""

    __slots__ = ("port", "write")
    port: Port
    write: Write

    def take_write(self) -> Write | None:
        return self.write

    def committed(self, write: Write, verdict: Verdict) -> None:
        self.port.pending.pop(self, None)
        try:
            self.hear(verdict)
        except Exception as error:
            self.failed(error)
            raise

    def failed(self, error: Exception) -> None:
        """What follows from its verdict has failed: a shortage passes, and is the answer; over anything else
        the engine stops, and tells it."""
        lack = shortage_of(error)
        if lack is None:
            self.port.pending[self] = None
        else:
            self.port.pending.pop(self, None)
            self.fail(lack)

    def hear(self, verdict: Verdict) -> None:
        """It is on record, or refused."""
        raise NotImplementedError

    def fail(self, error: PodiumError) -> None:
        """What has become of it nobody knows, or what it needed was not there."""
        raise NotImplementedError


class AnyWrite(ClientWrite):
    """One with a function for each answer."""

    __slots__ = ("_fail", "_then")

    def __init__(
        self, port: Port, write: Write, then: Callable[[Verdict], None], fail: Callable[[PodiumError], None]
    ) -> None:
        self.port, self.write, self._then, self._fail = port, write, then, fail

    def hear(self, verdict: Verdict) -> None:
        self._then(verdict)

    def fail(self, error: PodiumError) -> None:
        self._fail(error)


class Met(Enum):
    """How a start stands to an earlier run of the same call."""

    AWAY = "away"  # it is that run, which an earlier process has left
    HERE = "here"  # it is that run, whose caller in this process was interrupted
    PARKED = "parked"  # it is that run, which waits for a person still
    FORMER = "former"  # it is a new one: that run goes on with code that was declared anew since


class Start(ClientWrite):
    """A start on its way. Whoever asks for one says in a class of his own what is done with the answers, so
    that it is one object from the call to these: every run begins so."""

    __slots__ = ("has_place", "new", "remembered", "watch")

    def __init__(self, new: NewRun, watch: Watcher | None) -> None:
        self.new, self.watch = new, watch
        self.has_place = False  # one in memory is kept for its run, until it is answered
        self.remembered: tuple[str, Met] | None = None  # a run that is known of without asking the store

    def tell(self, answer: Verdict | BaseException) -> None:
        """It is durable, or refused, or nobody knows."""
        raise NotImplementedError

    def met(self, run: str, how: Met) -> None:
        """Before that: it comes to an earlier run of the same call."""

    def take_write(self) -> Write | None:
        """A run that was left behind makes the write needless."""
        answer = self.port.left_behind_for(self)
        if answer is None:
            return self.write
        self.committed(self.write, answer)
        return None

    def hear(self, verdict: Verdict) -> None:
        self.port.answered(self, verdict)

    def fail(self, error: PodiumError) -> None:
        self.port.give_back(self)
        self.tell(error)
