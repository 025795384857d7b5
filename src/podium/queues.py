"""Queues as a program declares them, by name, one of each in a process."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from . import late
from .checks import Span, check_count, seconds_of
from .errors import UsageError
from .model import QueueLimits, pace_of

if TYPE_CHECKING:
    import difflib
else:
    difflib = late.module(globals(), "difflib")


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NONE = QueueLimits()
PRIORITY_MAX = 1000
CONCURRENCY_MAX = 1_000_000
PRIORITY_SECONDS = 60.0  # so much earlier a run stands in line for each step of its priority


class Queue:
    """A named line of runs with limits, which hold for all processes that share the store.

    name         letters, digits and `._-`, 64 at most
    concurrency  so many of its runs are driven at once, at most
    rate         so many begin in a time, at most: "100/m", or in s, h, d. A tenth of them may begin at once,
                 the rest evenly spaced, so it is never more than 100 in any minute. Each attempt of a task
                 counts, and each start of a workflow.
    per          a parameter's name, or a function of the arguments: limits hold for each value of it by
                 itself, and the values take turns. Without it they hold for the whole queue.

    It may be given wherever a queue's name may: `@task(queue=Queue("api", rate="100/m"))` or `queue="api"`.
    Raises UsageError for what cannot be, and where two files declare one name with other limits.

    Example:

    >>> api = podium.Queue("api", concurrency=20, rate="600/m", per="account")
    """

    def __init__(
        self,
        name: str,
        *,
        concurrency: int | None = None,
        rate: str | None = None,
        per: str | Callable[..., Any] | None = None,
    ) -> None:
        check_name(name)
        if concurrency is not None:
            check_count("Queue", "concurrency", concurrency, 1, CONCURRENCY_MAX)
        check_rate("Queue", rate)
        given: Any = per
        if (
            given is not None
            and not callable(given)
            and not (isinstance(given, str) and given.isidentifier())
        ):
            raise UsageError(
                f"Queue(per={per!r}): the name of a parameter is needed, or a function of the arguments"
            )
        self.name = name
        self._per = per
        shown = (
            "" if per is None else per if isinstance(per, str) else getattr(per, "__qualname__", repr(per))
        )
        self.limits = QueueLimits(concurrency, rate or "", shown)
        self._place = sys._getframe(1).f_code.co_filename  # pyright: ignore[reportPrivateUsage]  # its documented use
        queues.add(self)

    def key_of(self, function: str, bound: Mapping[str, Any], signature: Any) -> str:
        """Which line a call stands in: the value of `per`, as text. Raises UsageError where it has none."""
        if self._per is None:
            return ""
        if not isinstance(self._per, str):
            return str(self._per(**bound))
        if self._per in bound:
            return str(bound[self._per])
        parameter = signature.parameters.get(self._per)
        if parameter is None or parameter.default is parameter.empty:
            raise UsageError(
                f"{function} has no parameter {self._per!r}, which queue {self.name!r} goes by (per=)",
                fix=f"its parameters: {', '.join(signature.parameters) or 'none'}; or options(key=...)",
            )
        return str(parameter.default)

    @property
    def place(self) -> str:
        """The file that declares it."""
        return self._place

    def __repr__(self) -> str:
        return f"<queue {self.name}>"


class RetryAfter(Exception):
    """Raised by a task: it is tried again after this wait, which counts as no failure.

    wait  seconds, also as text: "30" as a server's Retry-After header has it, or "1m30s"

    Of a queued task nothing that its queue's rate counts begins in its line before that, whoever drives it.
    Raises UsageError for what is no length of time.

    Example, in a task:

    >>> if answer.status == 429:
    ...     raise podium.RetryAfter(answer.headers["Retry-After"])
    """

    def __init__(self, wait: Span) -> None:
        super().__init__(wait)
        given: Any = wait
        if isinstance(given, str) and given.strip().replace(".", "", 1).isdigit():
            given = float(given)
        self.seconds = seconds_of("RetryAfter", "wait", given)

    def __str__(self) -> str:
        return f"again after {self.seconds:g} s"


class Queues(dict[str, Queue]):
    """The declared queues by name. One per process (`queues`)."""

    def add(self, queue: Queue) -> None:
        """Register. A later declaration in the same file wins: a cell that was edited, a module that was
        reloaded. Raises UsageError where another file declares it with other limits."""
        known = self.get(queue.name)
        if known is not None and known.place != queue.place and known.limits not in (queue.limits, _NONE):
            raise UsageError(
                f"queue {queue.name!r} is declared twice, with other limits: {known.place}, {queue.place}",
                fix=f"declare it once, and name it elsewhere: queue={queue.name!r}",
            )
        self[queue.name] = queue

    def named(self, call: str, given: Any, declares: bool) -> str:
        """The name of what `queue=` was given. `declares`: a name alone declares a queue without limits.
        Raises UsageError for what is none, and for a name that nothing has declared."""
        if isinstance(given, Queue):
            return given.name
        if not isinstance(given, str):
            raise UsageError(f"{call}(queue={given!r}): a Queue or the name of one is needed")
        if given not in self:
            if not declares:
                near = difflib.get_close_matches(given, self, 1)
                there = f"nearest: {near[0]!r}; " if near else ""
                raise UsageError(
                    f"{call}(queue={given!r}): no such queue is declared here",
                    fix=f"{there}podium.Queue({given!r}) declares it",
                )
            Queue(given)
        return given


def check_name(name: Any) -> None:
    """Raise UsageError where it cannot be the name of a queue."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise UsageError(
            f"{name!r} cannot be the name of a queue",
            fix="letters, digits and ._- are allowed, 64 at most, a letter or digit first",
        )


def check_rate(call: str, rate: Any) -> None:
    """Raise UsageError where it is no rate."""
    if rate is not None and (not isinstance(rate, str) or pace_of(rate) is None):
        raise UsageError(f"{call}(rate={rate!r}): so many in a second, minute, hour or day", fix='"100/m"')


def check_priority(priority: Any) -> None:
    """Raise UsageError where it is none."""
    if type(priority) is not int or not -PRIORITY_MAX <= priority <= PRIORITY_MAX:
        raise UsageError(
            f"options(priority={priority!r}): a whole number from -{PRIORITY_MAX} to {PRIORITY_MAX} is needed"
        )


def rank_of(due: float, priority: int) -> float:
    """Its place in line: a minute earlier for each step of priority, so that nothing waits for ever."""
    return max(0.0, due - priority * PRIORITY_SECONDS)


queues = Queues()
