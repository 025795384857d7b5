"""What runs say, on its way into their Writes.

Lines ride with whatever their run writes next: those of an attempt that ended with its outcome. Only what an
attempt says while it runs on is asked for at every poll, so that somebody who follows it sees it, and becomes
a Write of its own if nothing else happens. A line is fenced like everything: an engine that has lost the run
records nothing that it said.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..executors import Attempt, Caps, Listener, Transcript
from ..executors.capture import record_text

if TYPE_CHECKING:
    from .engine import Engine
    from .owned import OwnedRun


class Hearing:
    """Takes from the transcripts of one engine. Engine thread only."""

    def __init__(self, engine: Engine) -> None:
        options = engine.options
        self._engine = engine
        self._listener = Listener(
            Caps(options.log_lines, options.log_bytes, options.log_line), engine.env.now
        )
        self._bodies: dict[OwnedRun, Transcript] = {}  # of runs whose bodies have logged something here
        self.listener = self._listener if options.log_lines > 0 else None  # for the attempts that begin

    def flush(self) -> None:
        """Let what was said since the last look go with its run's next write."""
        for attempt in list(self._listener.speaking):
            owned = self._engine.owned.get(attempt.run)
            if owned is None or owned.attempts.running.get(attempt.step) is not attempt:
                self._listener.take(attempt, last=True)  # it spoke after its outcome
            elif not owned.deaf:  # then `leaving` takes them
                self._add(owned, attempt, last=False)
        for owned in list(self._bodies):
            if owned.gone:
                del self._bodies[owned]
            elif owned.logs:
                self._engine.committer.touch(owned)

    def ended(self, attempt: Attempt) -> None:
        """An attempt that has spoken ended or was cancelled."""
        owned = self._engine.owned.get(attempt.run)
        if owned is not None and not owned.gone:
            self._add(owned, attempt, last=True)

    def leaving(self, owned: OwnedRun) -> None:
        """The run's last write here is being made: what is still running will not be heard again."""
        if self._listener.speaking:
            for attempt in owned.attempts.running.values():
                if attempt.transcript is not None:
                    owned.logs += self._listener.take(attempt, last=True)
        body = self._bodies.pop(owned, None)
        if body is not None:
            owned.logs += body.take(last=True)

    def body(self, run: str, record: logging.LogRecord) -> None:
        """A workflow's body has logged something, and not in a replay."""
        owned = self._engine.owned.get(run)
        if owned is None or self.listener is None:
            return
        transcript = self._bodies.get(owned)
        if transcript is None:
            transcript = self._bodies[owned] = self._listener.open("", 0)
        transcript.line(record.levelno, lambda: record_text(record))
        owned.logs += transcript.take()

    def _add(self, owned: OwnedRun, attempt: Attempt, last: bool) -> None:
        lines = self._listener.take(attempt, last)
        if lines:
            owned.logs += lines
            self._engine.committer.touch(owned)
