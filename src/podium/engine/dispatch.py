"""The executors of one engine behind one door: an attempt goes to the one that its function names."""

from __future__ import annotations

from collections.abc import Callable

from ..executors import Attempt, Progress
from .context import Context
from .events import AttemptBegan, AttemptCancelled, AttemptProgressed
from .executor import Executor
from .logs import LogCollector
from .poison_steps import Quarantine

Awaits = Callable[[Attempt, tuple[str, ...], bool], None]


class Dispatcher:
    """Submits attempts and cancels them. Engine thread only.

    `awaits` is called, on any thread, when a task begins to wait for runs (True), and when it does no more.
    """

    def __init__(self, context: Context, logs: LogCollector, quarantine: Quarantine, awaits: Awaits) -> None:
        self._env, self._events = context.env, context.events
        self._logs, self._quarantine, self._awaits = logs, quarantine, awaits
        self.executors: dict[str, Executor] = {}

    def submit(self, attempt: Attempt) -> None:
        """Let the task body run."""
        attempt.began = self._env.now()
        attempt.note, attempt.listener = self._progressed, self._logs.listener
        attempt.awaits = self._awaits
        if self._events.observers:
            self._events.publish(AttemptBegan(attempt.run, attempt))
        self.executors[attempt.function.executor].submit(attempt)

    def cancel(self, attempt: Attempt) -> None:
        """Stop a task body whose outcome is not wanted any more."""
        if self._events.observers:
            self._events.publish(AttemptCancelled(attempt.run, attempt))
        self._quarantine.ended(attempt)
        if attempt.transcript is not None:
            self._logs.ended(attempt)
        self.executors[attempt.function.executor].cancel(attempt)

    def _progressed(self, attempt: Attempt, progress: Progress) -> None:
        self._events.publish(AttemptProgressed(attempt.run, attempt, progress))
