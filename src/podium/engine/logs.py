"""What runs print and log, on its way into their Writes.

Lines ride with whatever their run writes next: those of an attempt that ended with its outcome. Only what an
attempt says while it runs on is asked for at every poll, so that somebody who follows it sees it, and becomes
a Write of its own if nothing else happens. A line is fenced like everything: an engine that has lost the run
records nothing that it said.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from ..executors import Attempt, Caps, LogBuffer
from ..executors.capture import record_text
from ..model import LogLine
from .context import Context
from .owned import OwnedRun


class LogBuffers:
    """The log buffers of the attempts of one engine, each made when its attempt first prints or logs."""

    def __init__(self, caps: Caps, now: Callable[[], float]) -> None:
        self._caps, self._now = caps, now
        self._lock = threading.RLock()
        self.open_attempts: dict[Attempt, LogBuffer] = {}

    def of(self, attempt: Attempt) -> LogBuffer:
        """The attempt's buffer, made on first use. Any thread."""
        with self._lock:
            if attempt.log is None:
                attempt.log = self.open(attempt.step, attempt.number)
                self.open_attempts[attempt] = attempt.log
            return attempt.log

    def open(self, step: str, attempt: int) -> LogBuffer:
        """A buffer that belongs to no attempt."""
        return LogBuffer(step, attempt, self._caps, self._now)

    def take(self, attempt: Attempt, last: bool) -> list[LogLine]:
        """What an attempt has said since the last call."""
        if last:
            self.open_attempts.pop(attempt, None)
        return [] if attempt.log is None else attempt.log.take(last)


class LogCollector:
    """Takes from the log buffers of one engine's attempts and bodies. Engine thread only."""

    def __init__(self, context: Context, owned: Mapping[str, OwnedRun]) -> None:
        options = context.options
        self._owned = owned
        self._buffers = LogBuffers(
            Caps(options.log_lines, options.log_bytes, options.log_line), context.env.now
        )
        self._now = context.env.now
        self._progressed: dict[Attempt, None] = {}
        self._bodies: dict[OwnedRun, LogBuffer] = {}  # of runs whose bodies have logged something here
        self.open_log = self._buffers.of if options.log_lines > 0 else None  # for the attempts that begin

    def progressed(self, attempt: Attempt) -> None:
        """A running attempt has said something of its progress that is to be kept. Any thread."""
        self._progressed[attempt] = None

    def flush(self) -> None:
        """Let what was said since the last look go with its run's next write."""
        while self._progressed:
            attempt, _ = self._progressed.popitem()
            owned = self._owned.get(attempt.run)
            if owned is not None and owned.attempts.running.get(attempt.step) is attempt:
                owned.outbox.keep(attempt, self._now())
                owned.touch()
        for attempt in list(self._buffers.open_attempts):
            owned = self._owned.get(attempt.run)
            if owned is None or owned.attempts.running.get(attempt.step) is not attempt:
                self._buffers.take(attempt, last=True)  # it spoke after its outcome
            elif not owned.ignores_events:  # then `closing` takes them
                self._add(owned, attempt, last=False)
        for owned in list(self._bodies):
            if owned.residence.is_gone:
                del self._bodies[owned]
            elif (made := owned.outbox.made) is not None and made.logs:
                owned.touch()

    def ended(self, attempt: Attempt) -> None:
        """An attempt that has spoken ended or was cancelled."""
        owned = self._owned.get(attempt.run)
        if owned is not None and not owned.residence.is_gone:
            self._add(owned, attempt, last=True)

    def closing(self, owned: OwnedRun) -> None:
        """The run's last write here is being made: what is still running will not be heard again."""
        outbox = owned.outbox
        if self._buffers.open_attempts:
            for attempt in owned.attempts.running.values():
                if attempt.log is not None:
                    outbox.extras.logs += self._buffers.take(attempt, last=True)
        body = self._bodies.pop(owned, None)
        if body is not None:
            outbox.extras.logs += body.take(last=True)

    def body(self, run: str, record: logging.LogRecord) -> None:
        """A workflow's body has logged something, and not in a replay."""
        owned = self._owned.get(run)
        if owned is None or self.open_log is None:
            return
        buffer = self._bodies.get(owned)
        if buffer is None:
            buffer = self._bodies[owned] = self._buffers.open("", 0)
        buffer.line(record.levelno, lambda: record_text(record))
        owned.outbox.extras.logs += buffer.take()

    def _add(self, owned: OwnedRun, attempt: Attempt, last: bool) -> None:
        lines = self._buffers.take(attempt, last)
        if lines:
            owned.outbox.extras.logs += lines
            owned.touch()
