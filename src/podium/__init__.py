"""Podium orchestrates Python functions durably.

Plain functions are tasks; functions that decide which task runs when are workflows. Every result a
workflow acts upon is on disk before anything that depends on it starts.
"""

from .client import App, Run, Runs
from .declare import (
    attempt,
    fencing_token,
    idempotency_key,
    now,
    progress,
    random,
    sleep,
    task,
    uuid4,
    workflow,
)
from .engine import Options
from .errors import (
    PodiumError,
    RunCancelled,
    RunParked,
    TaskFailed,
    TaskTimeout,
    UsageError,
)
from .retry import Retry

__all__ = [
    "App",
    "Options",
    "PodiumError",
    "Retry",
    "Run",
    "RunCancelled",
    "RunParked",
    "Runs",
    "TaskFailed",
    "TaskTimeout",
    "UsageError",
    "attempt",
    "fencing_token",
    "idempotency_key",
    "now",
    "progress",
    "random",
    "sleep",
    "task",
    "uuid4",
    "workflow",
]
