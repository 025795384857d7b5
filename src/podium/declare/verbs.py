"""Small verbs: time and chance that replay the same, and what a task may know and say of itself."""

from __future__ import annotations

import random as _random
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from .. import codec
from ..checks import Span, seconds_of
from ..env import RealEnv
from ..errors import PayloadTooLarge, UsageError
from ..executors import Attempt, Progress, current_attempt, time_of_task
from ..machine import current_machine

STATE_MAX = 64 * 1024  # bytes of `progress(**state)`

_env = RealEnv()


def now() -> datetime:
    """The time, UTC. Inside a workflow: of the last thing it saw, so the same on every resume. In a task of a
    `podium.testing.VirtualApp`: by that app's clock.

    Example:

    >>> podium.now().tzinfo
    datetime.timezone.utc
    """
    machine = current_machine()
    return datetime.fromtimestamp(time_of_task() if machine is None else machine.verbs.now(), UTC)


def uuid4() -> uuid.UUID:
    """A random UUID; inside a workflow the same on every resume.

    Example:

    >>> podium.uuid4().version
    4
    """
    machine = current_machine()
    return _env.uuid4() if machine is None else machine.verbs.uuid4()


def random() -> _random.Random:
    """A random generator; inside a workflow its draws are the same on every resume.

    Example:

    >>> podium.random().choice(["a", "b"]) in ("a", "b")
    True
    """
    machine = current_machine()
    return _env.random() if machine is None else machine.verbs.random()


def sleep(seconds: Span) -> None:
    """Sleep, durably inside a sync workflow (no thread is held), plainly elsewhere; seconds, or "1h30m".

    In async workflows `asyncio.sleep` is durable. Raises UsageError for what is no length of time.

    Example:

    >>> podium.sleep(0.01)
    """
    if not isinstance(seconds, (int, float)):
        seconds = seconds_of("podium.sleep", "seconds", seconds)
    seconds = max(seconds, 0)  # less than nothing is none, and NaN a ValueError, as of asyncio.sleep
    machine = current_machine()
    if machine is None:
        time.sleep(seconds)
    else:
        machine.verbs.sleep(seconds)


class _Headers(msgspec.Struct):
    """Of a run's headers, what is read here."""

    scheduled_for: float | None = None
    tz: str = "UTC"


def scheduled_for() -> datetime:
    """The instant that the running workflow, or the workflow of the running task, was scheduled for.

    With the zone of its schedule, and the same in a retry. Of a run that no schedule has started, when it
    began, UTC. Raises UsageError anywhere else.

    Example, in a task or in a body:

    >>> podium.scheduled_for().utcoffset()
    datetime.timedelta(0)
    """
    inside = current_machine() or current_attempt.get()
    if inside is None:
        raise UsageError("scheduled_for() works inside a workflow, and in a task that one runs")
    headers = msgspec.json.decode(inside.headers, type=_Headers) if inside.headers else _Headers()
    if headers.scheduled_for is None:
        return datetime.fromtimestamp(inside.since, UTC)
    zone = UTC if headers.tz == "UTC" else ZoneInfo(headers.tz)
    return datetime.fromtimestamp(headers.scheduled_for, zone)


def _inside_task(verb: str) -> Attempt:
    attempt = current_attempt.get()
    if attempt is None:
        raise UsageError(f"{verb}() works inside a task that a workflow runs")
    return attempt


def attempt() -> int:
    """Which attempt at this step the running task is, counting from 1: one more than have failed, or are on
    record as begun. One that is lost with its process is so if it has emitted or kept something of its
    progress, and after the first in any case; two attempts of one number differ in `fencing_token()`.

    Raises UsageError outside of a task that a workflow runs.

    Example, in a task:

    >>> podium.attempt()
    1
    """
    return _inside_task("attempt").number


def idempotency_key() -> str:
    """A key that is the same for every attempt at this step: give it to services that accept one.

    Raises UsageError outside of a task that a workflow runs.

    Example, in a task:

    >>> headers = {"Idempotency-Key": podium.idempotency_key()}
    """
    return _inside_task("idempotency_key").idempotency_key


def fencing_token() -> tuple[int, int]:
    """(run token, attempt): grows with every change of owner and every attempt, for resources that fence.

    Raises UsageError outside of a task that a workflow runs.

    Example, in a task:

    >>> token, attempt = podium.fencing_token()
    >>> (token, attempt) >= (1, 1)
    True
    """
    current = _inside_task("fencing_token")
    return current.token, current.number


def progress(done: float, /, total: float | None = None, text: str = "", **state: Any) -> None:
    """Say how far the running task is, for live views; outside of a task it does nothing.

    done   how much is done; given by position, so that a state may have a `done` of its own
    total  of how much; None where that is not known
    text   a few words
    state  kept for the next attempt at this step, in this process or another, which reads it by
           `last_progress()`. Only the last is kept, 64 KiB at most: with the run's next commit, a second
           later at the latest, so that a crash may lose the last of it. The history does not grow.

    Raises EncodeError for a state that cannot be stored, PayloadTooLarge.

    Example, in a task:

    >>> podium.progress(412, 1000, "pages", page=412)
    """
    current = current_attempt.get()
    if current is None or current.services.note is None:
        return
    if state:
        said = codec.encode(state, where=f"{current.function.label} progress", depot=current.services.depot)
        if len(said) > STATE_MAX:
            raise PayloadTooLarge(
                f"{current.function.label}: progress(...) of {len(said):,} bytes, "
                f"and {STATE_MAX:,} are kept at most",
                fix="keep the large part in a file, and its path here",
            )
        current.said = said
    current.services.note(current, Progress(done, total, text))


def last_progress() -> Mapping[str, Any]:
    """What the attempt before this one said of its progress, by `progress(..., **state)`; {} in the first.

    Raises UsageError outside of a task that a workflow runs.

    Example, in a task:

    >>> for page in range(podium.last_progress().get("page", 0), 3):
    ...     podium.progress(page, 3, page=page)
    """
    current = _inside_task("last_progress")
    return codec.decode(current.last, depot=current.services.depot) if current.last else {}
