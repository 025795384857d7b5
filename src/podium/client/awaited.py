"""A workflow that is called in async code: started and waited for in one go, as most are.

Whoever calls `start()` may ask for the id, for the end, for both, from any thread, or for nothing. Who awaits
the call asks for the end alone, in one loop, and once. So all that is kept for him while he waits is one
object, where a `Run` has eight: thousands may wait at once, and a full look of the collector passes it all.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ..engine import End
from ..errors import InternalError
from ..executors import attempt_here
from ..functions import Function
from ..inspect import drop_our_frames
from .app import App
from .default_app import current_app
from .loop_wakeup import queue_of
from .start_options import StartOptions
from .stored_run import PASSED_ON, StoredRun, left_by_caller, outcome_of

_NOT_TOLD = InternalError("a run was waited for, and its end is not told")


async def called(
    function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], options: StartOptions
) -> Any:
    """Start a run, and wait for what it comes to."""
    awaited = None
    try:
        app = current_app()
        if attempt_here() is not None:  # a task of ours, which lends its slot to what it waits for
            started = app.starts.one(function, args, kwargs, options, watch=True)
            return await StoredRun(app, function, started, options.id or "").wait()
        awaited = Awaited(app)
        app.starts.awaited(function, args, kwargs, options, awaited)
        await awaited.here
        return awaited.outcome(function)
    except PASSED_ON as error:
        if awaited is not None and isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
            left_by_caller(awaited.app, awaited.id)
        drop_our_frames(error)
        raise


class Awaited:
    """The `Caller` of one run, who awaits `here` until both its id and its end are told. Made in the loop.

    Called itself with the end: it is the watcher of the run, so that no method needs to be bound for that.
    """

    __slots__ = ("_end", "_queue", "app", "created", "here", "id")

    def __init__(self, app: App) -> None:
        self.app, loop = app, asyncio.get_running_loop()
        self._queue, self.here = queue_of(loop), loop.create_future()
        self.created: float | None = None
        self.id = ""  # until it is told
        self._end: End | BaseException = _NOT_TOLD

    @property
    def watcher(self) -> Awaited:
        return self

    # Two threads may tell: each keeps what it has and then looks for the other, so one of them sees both.

    def tell(self, run: str | BaseException, /) -> None:
        if isinstance(run, BaseException):
            self.fail(run)
            return
        self.id = run
        if self._end is not _NOT_TOLD:
            self._queue.post(self.here)

    def __call__(self, end: End | BaseException, /) -> None:
        if self._end is _NOT_TOLD:  # else its start has failed
            self._end = end
            if self.id:
                self._queue.post(self.here)

    def fail(self, error: BaseException, /) -> None:
        # As of a `Started`: an id that is not told by now never is, and who is told id and end keeps them.
        if not self.id or self._end is _NOT_TOLD:
            self._end = error
            self._queue.post(self.here)

    def outcome(self, function: Function) -> Any:
        """The value of the run, once `here` is; raises why there is none."""
        end = self._end
        if isinstance(end, End):
            return outcome_of(self.app, function, self.id, end)
        raise end
