"""Many runs of one function at once, started outside of workflows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..checks import Tolerance
from ..client import (
    App,
    Batch,
    Run,
    StartOptions,
    StoredRun,
    encoded,
    in_event_loop,
    require_own_ids,
    wait_for_all,
)
from ..errors import UsageError
from ..functions import Function

BATCH = 32  # runs at once in a map outside of workflows, unless told otherwise


def batch_of(
    app: App,
    function: Function,
    call: StartOptions,
    bound: tuple[Any, ...],
    items: Any,
    limit: int | None,
    tolerance: Tolerance,
) -> Batch:
    """A run for each item, begun as earlier ones end. Raises UsageError."""
    if call.id is not None:
        raise UsageError("map(...) with options(id=...): every run needs an id of its own")

    def begin(item: Any) -> StoredRun:
        return StoredRun(app, function, app.starts.one(function, (*bound, item), {}, call, watch=True))

    return Batch(begin, items, limit or BATCH, tolerance)


def start_all(
    app: App, function: Function, calls: Iterable[tuple[StartOptions, tuple[Any, ...]]]
) -> list[Run[Any]]:
    """A run for each call, in one commit for each chunk of them. Raises before anything is stored, or, of ids
    that others have, afterwards: see `Durable.start_many`."""
    made = [encoded(function, args, {}, options, lambda: app.store.depot) for options, args in calls]
    require_own_ids(function, made)
    started = app.starts.many(function, made)
    if not in_event_loop():
        wait_for_all(started)
    return [
        Run(StoredRun(app, function, one, call.options.id or ""))
        for one, call in zip(started, made, strict=True)
    ]
