"""When a failed attempt is tried again. Frozen values, pure decisions: time and chance are arguments.

A decision rests only on what the store remembers: for each recorded failure, the index of the policy that
granted its retry. So a count survives every crash, and a retry is never granted twice.

    Retry(times=5, wait=0.5, on=TimeoutError) | Retry(times=1, on=ValueError)

retries when either would, each with its own count; the first that grants wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from .checks import Span, check_count, is_number, seconds_of
from .errors import UsageError

MAX_TIMES = 1_000_000
MAX_POLICIES = 254  # a policy's index is recorded as one byte, whose last two values are `model.HELD`, PERSON

On = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


class Grant(NamedTuple):
    """Leave to try again: after `delay` seconds, granted by policy number `policy` (to be recorded)."""

    delay: float
    policy: int


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, how soon and for which failures a task is tried again.

    times     retries after the first attempt, 0 to 1,000,000
    wait      seconds before the first retry, here and below also as "1m30s"
    factor    each further wait is this many times the one before; 1 keeps it constant
    max_wait  seconds, the longest wait
    jitter    share of each wait left to chance, 0 to 1; True is 0.5: between half the wait and all of it
    on        exception type, tuple of types, or predicate: which failures are retried
    unless    the same, for exceptions to the rule
    total     seconds since the first attempt began, after which no retry may begin; None: no limit
    otherwise the policy asked when this one does not grant; `a | b` sets it

    Raises UsageError for numbers that make no sense.

    Example:

    >>> policy = Retry(times=5, wait=0.5, on=(TimeoutError, OSError)) | Retry(times=1, on=ValueError)
    """

    times: int = 3
    wait: Span = 0.5
    factor: float = 2.0
    max_wait: Span = 60.0
    jitter: bool | float = True
    on: On = Exception
    unless: On = ()
    total: Span | None = None
    otherwise: Retry | None = None
    _wait: float = field(init=False, repr=False, compare=False)  # in seconds, as the next two
    _max_wait: float = field(init=False, repr=False, compare=False)
    _total: float | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_count("Retry", "times", self.times, 0, MAX_TIMES)
        _check_number("factor", self.factor, 1)
        if not isinstance(self.jitter, bool):
            _check_number("jitter", self.jitter, 0, 1)
        total = None if self.total is None else seconds_of("Retry", "total", self.total)
        read = (seconds_of("Retry", "wait", self.wait), seconds_of("Retry", "max_wait", self.max_wait), total)
        for name, seconds in zip(("_wait", "_max_wait", "_total"), read, strict=True):
            object.__setattr__(self, name, seconds)
        if self._wait > self._max_wait:
            raise UsageError(
                f"Retry(wait={self.wait!r}) is longer than max_wait={self.max_wait!r}",
                fix=f"say max_wait={self.wait!r} or more",
            )
        _condition("on", self.on)
        _condition("unless", self.unless)
        if len(self.policies()) > MAX_POLICIES:
            raise UsageError(f"more than {MAX_POLICIES} retry policies joined by |")

    @staticmethod
    def of(value: int | Retry | None) -> Retry:
        """What `retries=` means: None is no retry, a number is that many with the defaults."""
        if isinstance(value, Retry):
            return value
        if value is None:
            return Retry(times=0)
        if type(value) is int:
            return Retry(times=value)
        raise UsageError(f"retries={value!r}: a number, a Retry or None is needed")

    def __or__(self, other: Retry) -> Retry:
        if type(other) is not Retry:
            return NotImplemented
        return replace(self, otherwise=other if self.otherwise is None else self.otherwise | other)

    def policies(self) -> list[Retry]:
        """This policy and those joined to it, in the order of their indexes."""
        chain: list[Retry] = [self]
        while (after := chain[-1].otherwise) is not None:
            chain.append(after)
        return chain

    def next_delay(
        self,
        error: Exception,
        granted: Sequence[int],
        elapsed: float,
        uniform: Callable[[float, float], float],
    ) -> Grant | None:
        """Leave for one more attempt after `error`, or None: give up.

        `granted` holds the policy index of each retry granted to this step so far; `elapsed` is seconds
        since its first attempt began; `uniform(low, high)` draws the jitter. A predicate of the user that
        raises grants nothing, and its error is noted on `error`.
        """
        for index, policy in enumerate(self.policies()):
            used = granted.count(index)
            if used >= policy.times or not policy.covers(error):
                continue
            delay = policy.delay(used, uniform)
            if policy._total is None or elapsed + delay <= policy._total:
                return Grant(delay, index)
        return None

    def covers(self, error: Exception) -> bool:
        """Whether this one policy, without those joined to it, is about such a failure."""
        try:
            return _holds(self.on, error) and not _holds(self.unless, error)
        except Exception as broken:  # the user's predicate; the failure itself must not be lost over it
            error.add_note(f"the retry predicate raised {type(broken).__name__}, so this was not retried")
            return False

    def delay(self, used: int, uniform: Callable[[float, float], float]) -> float:
        """Seconds before retry number `used` + 1."""
        try:
            wait = min(self._max_wait, self._wait * self.factor**used)
        except OverflowError:
            wait = self._max_wait if self._wait else 0.0
        jitter = 0.5 if self.jitter is True else float(self.jitter)
        return uniform(wait * (1 - jitter), wait) if jitter and wait else float(wait)


def _holds(condition: On, error: Exception) -> bool:
    if isinstance(condition, (type, tuple)):
        return isinstance(error, condition)
    return bool(condition(error))


def _check_number(name: str, value: Any, low: float, high: float = math.inf) -> None:
    if not (is_number(value) and low <= value <= high):
        limits = f"from {low:g} to {high:g}" if high < math.inf else f"of {low:g} or more"
        raise UsageError(f"Retry({name}={value!r}): a finite number {limits} is needed")


def _condition(name: str, value: Any) -> None:
    for item in cast("tuple[Any, ...]", value if isinstance(value, tuple) else (value,)):
        if isinstance(item, type):
            if not issubclass(item, Exception):
                raise UsageError(
                    f"Retry({name}={item.__qualname__}): only subclasses of Exception can be retried",
                    fix="cancellation and exit must always get through",
                )
        elif value is item and callable(item):
            continue
        else:
            raise UsageError(
                f"Retry({name}={item!r}): an exception type, a tuple of them or a predicate is needed"
            )
