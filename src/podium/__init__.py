"""Podium orchestrates Python functions durably.

Plain functions are tasks; functions that decide which task runs when are workflows. Every result a
workflow acts upon is on disk before anything that depends on it starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
        TaskCrashed,
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
    "TaskCrashed",
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

# Everything under podium imports this file first, the command line too, whose --help must not wait for an
# engine: so a public name brings its module when it is first asked for.
_HOMES = {
    ".client": ("App", "Run", "Runs"),
    ".engine": ("Options",),
    ".errors": (
        "PodiumError",
        "RunCancelled",
        "RunParked",
        "TaskCrashed",
        "TaskFailed",
        "TaskTimeout",
        "UsageError",
    ),
    ".retry": ("Retry",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), ".declare")
    value = globals()[name] = getattr(import_module(home, __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
