"""Podium orchestrates Python functions durably.

Plain functions are tasks; functions that decide which task runs when are workflows. Every result a
workflow acts upon is on disk before anything that depends on it starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import alert
    from .calendar import Schedule, cron, every
    from .client import (
        App,
        Callback,
        CheckedRun,
        Chunk,
        Executor,
        Found,
        Point,
        Run,
        Runs,
        ScheduleHandle,
        Stream,
        Waiting,
        check,
        complete,
        get,
        runs,
    )
    from .client.schedules import schedules
    from .client.series import series
    from .codec import Blob, File, Secret, trusted
    from .declare import (
        ask,
        attempt,
        callback,
        emit,
        fencing_token,
        idempotency_key,
        last_progress,
        measure,
        now,
        on_failure,
        progress,
        publish,
        random,
        receive,
        resource,
        scheduled_for,
        shell,
        sleep,
        task,
        this,
        uuid4,
        workflow,
    )
    from .errors import (
        ArgumentError,
        CommandFailed,
        DamagedRecord,
        DeclarationError,
        DecodeError,
        EncodeError,
        EngineStopped,
        IdConflict,
        InboxFull,
        InternalError,
        Mismatch,
        MissingValue,
        NeverAwaited,
        NotRecorded,
        NotReplaySafe,
        PayloadTooLarge,
        PodiumError,
        ResourceShortage,
        RunCancelled,
        RunNotFound,
        RunParked,
        StoreError,
        StoreFatal,
        StoreInUse,
        StoreRefused,
        StoreUnavailable,
        TaskCrashed,
        TaskFailed,
        TaskTimeout,
        UnaskedCancel,
        UsageError,
        WrongState,
    )
    from .executors.effects import NOT_DONE, Done
    from .options import Options
    from .queues import Queue, RetryAfter
    from .remote import Client
    from .retry import Retry

    __version__: str

__all__ = [
    "App",
    "Blob",
    "Callback",
    "ArgumentError",
    "CheckedRun",
    "Chunk",
    "Client",
    "CommandFailed",
    "DeclarationError",
    "DamagedRecord",
    "DecodeError",
    "Done",
    "EncodeError",
    "EngineStopped",
    "Executor",
    "File",
    "Found",
    "IdConflict",
    "InboxFull",
    "InternalError",
    "MissingValue",
    "Mismatch",
    "NOT_DONE",
    "NeverAwaited",
    "NotRecorded",
    "NotReplaySafe",
    "Options",
    "PayloadTooLarge",
    "PodiumError",
    "Point",
    "Queue",
    "ResourceShortage",
    "Retry",
    "RetryAfter",
    "Run",
    "RunCancelled",
    "RunNotFound",
    "RunParked",
    "Runs",
    "Schedule",
    "ScheduleHandle",
    "Secret",
    "StoreError",
    "StoreFatal",
    "StoreInUse",
    "StoreRefused",
    "StoreUnavailable",
    "Stream",
    "TaskCrashed",
    "TaskFailed",
    "TaskTimeout",
    "UnaskedCancel",
    "UsageError",
    "Waiting",
    "WrongState",
    "alert",
    "ask",
    "attempt",
    "callback",
    "check",
    "complete",
    "cron",
    "emit",
    "every",
    "fencing_token",
    "get",
    "idempotency_key",
    "last_progress",
    "measure",
    "now",
    "on_failure",
    "progress",
    "publish",
    "random",
    "receive",
    "resource",
    "runs",
    "scheduled_for",
    "schedules",
    "series",
    "shell",
    "sleep",
    "task",
    "this",
    "trusted",
    "uuid4",
    "workflow",
]

# Everything under podium imports this file first, the command line too, whose --help must not wait for an
# engine: so a public name brings its module when it is first asked for.
_HOMES = {
    ".calendar": ("Schedule", "cron", "every"),
    ".client": (
        "App",
        "Callback",
        "CheckedRun",
        "Chunk",
        "Executor",
        "Found",
        "Point",
        "Run",
        "Runs",
        "ScheduleHandle",
        "Stream",
        "Waiting",
        "check",
        "complete",
        "get",
        "runs",
    ),
    ".client.schedules": ("schedules",),
    ".client.series": ("series",),
    ".codec": ("Blob", "File", "Secret", "trusted"),
    ".errors": (
        "ArgumentError",
        "CommandFailed",
        "DeclarationError",
        "DamagedRecord",
        "DecodeError",
        "EncodeError",
        "EngineStopped",
        "IdConflict",
        "InboxFull",
        "InternalError",
        "MissingValue",
        "Mismatch",
        "NeverAwaited",
        "NotRecorded",
        "NotReplaySafe",
        "PayloadTooLarge",
        "PodiumError",
        "ResourceShortage",
        "RunCancelled",
        "RunNotFound",
        "RunParked",
        "StoreError",
        "StoreFatal",
        "StoreInUse",
        "StoreRefused",
        "StoreUnavailable",
        "TaskCrashed",
        "TaskFailed",
        "TaskTimeout",
        "UnaskedCancel",
        "UsageError",
        "WrongState",
    ),
    ".executors.effects": ("NOT_DONE", "Done"),
    ".options": ("Options",),
    ".queues": ("Queue", "RetryAfter"),
    ".remote": ("Client",),
    ".retry": ("Retry",),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":  # asked of the installed package, which costs a third of `podium --help`
        value = globals()[name] = _installed_version()
        return value
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), ".declare")
    value = globals()[name] = getattr(import_module(home, __name__), name)
    return value


def _installed_version() -> str:
    metadata = import_module("importlib.metadata")
    try:
        return metadata.version("podium")
    except metadata.PackageNotFoundError:
        return "(not installed, running from source)"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
