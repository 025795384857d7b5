"""The verb of a `Run` that makes a fork of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from .. import late
from .loop_wakeup import in_event_loop
from .start_options import NO_VALUE
from .stored_run import StoredRun

if TYPE_CHECKING:
    from . import operators
else:
    operators = late.module(globals(), ".operators")


class Forkable:
    """The part of a `Run` by which a copy of it goes its own way."""

    def _stored(self) -> StoredRun:
        raise NotImplementedError

    def fork(self, *, at: str | int, value: Any = NO_VALUE, by: str | None = None) -> Self:
        """A copy of it, in whatever state, that goes its own way: it ends before the outcome of a step, so
        that this is done again, or with `value` in its place.

        at     the step: its name (`"charge"`, `"charge#1"` the second call), its identity (`"1.2/charge"`),
               or the number of its entry in `history()`
        value  what it is to have come to, which must fit what the step returns by the code at hand
        by     who forks it, for the record; default: the login name, in a task its run

        From there on its ids, its chance and its idempotency keys are its own, so effects happen again. What
        was started before and has no outcome yet is waited for by both. A crash before this is done may have
        made it or not. Raises UsageError where the step is none or several, or the value does not fit;
        WrongState while a run that it has started, and would take along, has not ended.

        Example:

        >>> run = adds.start(2)
        >>> run.result()
        7
        >>> run.fork(at="doubled", value=100).result()
        103
        """
        stored = self._stored()
        started = stored.app.fork(stored.row().id, at, value, operators.operator(by))
        if not in_event_loop():
            started.id.result()
        kind: Any = type(self)
        return kind(StoredRun(stored.app, stored.function, started))
