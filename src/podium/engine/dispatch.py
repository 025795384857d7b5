"""The executors of one engine behind one door: an attempt goes to the one that its function names."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec.structs import replace

from ..errors import UsageError
from ..executors import Attempt, Progress, Resources, Services
from ..executors.protocol import BUILT_IN, AttemptRunner
from ..shortage import shortage_of
from .cache_lookup import CacheLookup
from .context import Context
from .events import AttemptBegan, AttemptCancelled, AttemptProgressed
from .logs import LogCollector
from .poison_steps import Quarantine
from .streams import StreamCollector

log = logging.getLogger("podium")

AGAIN_SECONDS = 0.5  # after an executor lacked what it needs

Awaits = Callable[[Attempt, tuple[str, ...], bool], None]


class Dispatcher:
    """Submits attempts and cancels them. Engine thread only.

    `awaits` is called, on any thread, when a task begins to wait for runs (True), and when it does no more;
    `park`, when an attempt that had to wait for its executor cannot begin at all.
    """

    def __init__(
        self,
        context: Context,
        logs: LogCollector,
        streams: StreamCollector,
        quarantine: Quarantine,
        awaits: Awaits,
        park: Callable[[Attempt, Exception], None],
    ) -> None:
        self._now, self._events, self._reactor = context.env.now, context.events, context.reactor
        self._logs, self._quarantine, self._streams, self._park = logs, quarantine, streams, park
        self._services = Services(
            note=self._progressed,
            open_log=logs.open_log,
            streams=streams,
            now=context.env.now,
            depot=context.store.depot,
            awaits=awaits,
        )
        self.executors: dict[str, AttemptRunner] = {}
        self.cache = CacheLookup(context, self._begin_or_park)
        self._holds = False
        self._held: list[Attempt] = []  # whose executor lacks threads, memory or descriptors

    def share(self, resources: Resources, home: object) -> None:
        """Let the tasks that begin from now on share these, and know whose they are."""
        self._services = replace(self._services, resources=resources, home=home)

    def submit(self, attempt: Attempt) -> None:
        """Let the task body run."""
        function = attempt.function
        attempt.began, attempt.services = self._now(), self._services
        if self._events.observers:
            self._events.publish(AttemptBegan(attempt.run, attempt))
        executor = self.executors.get(function.executor)
        if executor is None:
            raise _unknown(attempt)
        if function.cache is not None:
            self.cache.look(attempt, function.cache)
            return
        try:  # as `_begin` does it: this is the way of every attempt
            executor.submit(attempt)
        except Exception as error:
            self._hold(attempt, error)

    def _begin(self, attempt: Attempt) -> None:
        try:
            self.executors[attempt.function.executor].submit(attempt)
        except Exception as error:
            self._hold(attempt, error)

    def _hold(self, attempt: Attempt, error: Exception) -> None:
        """An executor has not taken it: try again later, where it lacks something; else the run is parked."""
        lack = shortage_of(error)
        if lack is None:
            raise _refused(attempt, "take", error) from error
        if not self._holds:
            self._holds = True
            log.warning("tasks wait to begin: %s", lack.message)
            self._reactor.call_later(AGAIN_SECONDS, self._submit_held)
        self._held.append(attempt)

    def _submit_held(self) -> None:
        held, self._held = self._held, []
        for attempt in held:
            if not attempt.cancelled:
                try:
                    self.executors[attempt.function.executor].submit(attempt)
                except Exception as error:
                    self._hold_or_park(attempt, error)
        self._holds = bool(self._held)
        if self._holds:
            self._reactor.call_later(AGAIN_SECONDS, self._submit_held)
        else:
            log.warning("tasks begin again")

    def _begin_or_park(self, attempt: Attempt) -> None:
        try:
            self._begin(attempt)
        except Exception as refused:
            self._park(attempt, refused)

    def _hold_or_park(self, attempt: Attempt, error: Exception) -> None:
        """The same outside of its run's turn."""
        try:
            self._hold(attempt, error)
        except Exception as refused:
            self._park(attempt, refused)

    def cancel(self, attempt: Attempt) -> None:
        """Stop a task body whose outcome is not wanted any more."""
        if self._events.observers:
            self._events.publish(AttemptCancelled(attempt.run, attempt))
        self._quarantine.ended(attempt)
        if attempt.log is not None:
            self._logs.ended(attempt)
        if attempt.stream is not None:
            self._streams.ended(attempt)
        executor = self.executors.get(attempt.function.executor)
        if attempt in self._held or self.cache.is_looking(attempt) or executor is None:
            attempt.cancelled = True
        else:
            try:
                executor.cancel(attempt)
            except Exception as error:
                if attempt.function.executor in BUILT_IN:
                    raise
                attempt.cancelled = True  # its outcome is not wanted, whether it goes on or not
                log.warning("%s", _what(attempt, "cancel", error))

    def _progressed(self, attempt: Attempt, progress: Progress) -> None:
        if attempt.said:
            self._logs.progressed(attempt)
        self._events.publish(AttemptProgressed(attempt.run, attempt, progress))


def _refused(attempt: Attempt, what: str, error: Exception) -> Exception:
    """What is wrong with an executor that the app was given is the app's: its run is parked, and tried again
    when a person resumes it. An error in one of ours is ours."""
    name = attempt.function.executor
    if name in BUILT_IN or isinstance(error, UsageError):  # which says itself what is to be mended
        return error
    return UsageError(
        _what(attempt, what, error),
        fix=f"mend what App(executors={{{name!r}: ...}}) makes, then: podium resume {attempt.run}",
    )


def _what(attempt: Attempt, what: str, error: Exception) -> str:
    who, whom = attempt.function.executor, attempt.function.label
    return f"the executor {who!r} did not {what} {whom}: {type(error).__name__}: {error}"


def _unknown(attempt: Attempt) -> UsageError:
    """Its run is parked: that is no outcome of the task, and the next app may have the executor."""
    name = attempt.function.executor
    return UsageError(
        f"{attempt.function.label} runs on the executor {name!r}, which this app does not have",
        fix=f"App(executors={{{name!r}: ...}}), then resume the run",
    )
