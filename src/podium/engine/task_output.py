"""What tasks print and log: to their step's log, to those who follow along, and to our own output."""

from __future__ import annotations

import logging

from ..env import Env
from ..executors import Attempt, Console, capture
from ..machine import current_machine
from ..model import STDERR, STDOUT
from .events import AttemptLogged, AttemptPrinted, EventFeed


class TaskOutput:
    """Captures the output of tasks in this process while it is open, where logs are kept at all; that of
    tasks in processes of their own is handed in. Any thread."""

    def __init__(self, env: Env, events: EventFeed, is_kept: bool) -> None:
        self._events, self._is_kept = events, is_kept
        self._console = Console(env)
        if is_kept:
            capture.begin(lambda: current_machine() is not None)

    def printed(self, attempt: Attempt | None, stream: str, line: str) -> None:
        """A line of a process's output."""
        if attempt is not None:
            capture.line(attempt, STDOUT if stream == "stdout" else STDERR, line)
            self._events.publish(AttemptPrinted(attempt.run, attempt, stream, line))
        self._console.say(stream, line)

    def logged(self, attempt: Attempt, record: logging.LogRecord) -> None:
        """A log record of a process, for the loggers here as well."""
        capture.record(attempt, record)
        self._events.publish(AttemptLogged(attempt.run, attempt, record))
        self._console.log(record)

    def stand_in(self) -> None:
        """Go on although somebody, such as a test runner, has replaced the streams since."""
        if self._is_kept:
            capture.stand_in_again()

    def close(self) -> None:
        """Capture nothing more; what was handed in is still written."""
        if self._is_kept:
            capture.end()
        self._console.close()
