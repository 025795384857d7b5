"""How a commit gets to a store that is not near, and its answer back.

Where the store can be sent a commit in two parts, the driving thread sends it and takes the answer when its
loop finds it there: no other thread is woken, and this one drives runs while the server works. Else the
writer thread makes it, and waits there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from ..executors.protocol import Cancellable, FileReactor
from ..model import Write
from ..store import Sent, Store
from .lane import Lane

Then = Callable[[Any, BaseException | None], None]  # gets verdicts, or the error


class _OnItsWay:
    """One commit that was sent."""

    def __init__(self, sent: Sent, writes: list[Write], then: Then) -> None:
        self.sent, self.writes, self.then = sent, writes, then
        self.descriptor = sent.descriptor
        self.is_heard = False  # something has come since the silence was last measured
        self.waits_to_write = False
        self.alarm: Cancellable | None = None


class Sender:
    """Makes one commit at a time."""

    def __init__(self, store: Store, engine: str, reactor: FileReactor, writer: Lane) -> None:
        self._store, self._engine = store, engine
        self._reactor, self._writer = reactor, writer
        self._under_way: _OnItsWay | None = None
        self.overlaps = False  # the last commit left this thread free, and so will the next one, most likely

    def send(self, writes: list[Write], then: Then) -> None:
        """Make it; `then` gets what came of it. At once where it cannot even be sent."""
        try:
            sent = self._store.send(self._engine, writes, self._woken)
        except Exception as error:
            then(None, error)
            return
        self.overlaps = sent is not None
        if sent is None:
            self._writer.do(lambda: self._store.commit(self._engine, writes), then)
            return
        self._under_way = on_its_way = _OnItsWay(sent, writes, then)
        self._listen(on_its_way)
        with contextlib.suppress(OSError):  # the system waits for no more files: the alarm looks
            self._reactor.add_reader(on_its_way.descriptor, self._advance)
            if sent.is_unsent:
                self._reactor.add_writer(on_its_way.descriptor, self._advance)
                on_its_way.waits_to_write = True

    def _woken(self) -> None:
        """Somebody else has waited for the answer."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody asks for it any more
            self._reactor.call_soon_threadsafe(self._advance)

    def _advance(self) -> None:
        on_its_way = self._under_way
        if on_its_way is None:  # we were woken for what we had found ourselves
            return
        sent, on_its_way.is_heard = on_its_way.sent, True
        if sent.advance():
            self._take(on_its_way)
        elif on_its_way.waits_to_write and not sent.is_unsent:
            self._reactor.remove_writer(on_its_way.descriptor)
            on_its_way.waits_to_write = False

    def _listen(self, on_its_way: _OnItsWay) -> None:
        on_its_way.is_heard = False
        silence = on_its_way.sent.silence
        on_its_way.alarm = self._reactor.call_later(silence, self._be_impatient, on_its_way)

    def _be_impatient(self, on_its_way: _OnItsWay) -> None:
        """A server that is frozen, or behind a firewall that drops everything, never says so."""
        if on_its_way is not self._under_way:
            return  # it was answered in this very turn of the loop
        sent = on_its_way.sent
        if not sent.advance() and not on_its_way.is_heard:
            sent.lose()
        if sent.advance():
            self._take(on_its_way)
        else:
            self._listen(on_its_way)

    def _take(self, on_its_way: _OnItsWay) -> None:
        """It is over."""
        self._under_way = None
        if on_its_way.alarm is not None:
            on_its_way.alarm.cancel()
        self._reactor.remove_reader(on_its_way.descriptor)
        if on_its_way.waits_to_write:
            self._reactor.remove_writer(on_its_way.descriptor)
        try:
            verdicts = on_its_way.sent.verdicts()
        except Exception as error:
            on_its_way.then(None, error)
            return
        if verdicts is not None:
            on_its_way.then(verdicts, None)
            return
        self.overlaps = False
        self._writer.do(lambda: self._store.commit(self._engine, on_its_way.writes), on_its_way.then)
