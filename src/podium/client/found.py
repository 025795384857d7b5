"""`podium.runs(query)`: the runs that match, read by pages, and verbs that act on all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, Literal, NoReturn

from ..errors import RunNotFound, UsageError, WrongState
from ..functions import Function
from ..inspect import among, pages, parse, retried_since, retried_with_others
from ..inspect.run_list import run_list
from ..machine import current_machine
from ..model import RETRIABLE, UNFINISHED, RunRow, State
from .app import App
from .asking import under_way
from .default_app import current_app
from .families import StopWait
from .loop_wakeup import in_event_loop
from .operators import Operator, operator
from .run import Run
from .steering import Cancelled
from .stored_run import StoredRun
from .told import Promise
from .waiting import FutureWaiting, Waiting, answered, known

_SHOWN = 20  # runs in a notebook
RETRIED_BY_QUERY = frozenset({State.FAILED})  # what a retry is of, where a query says nothing of states
RESUMED = frozenset({State.PARKED})
PAUSED = UNFINISHED - RESUMED

Verb = Literal["cancel", "terminate", "pause", "resume", "retry"]
# What a verb can be done to, and what it is done to where a query says nothing of states.
_VERBS: dict[Verb, tuple[frozenset[State], frozenset[State] | None]] = {
    "cancel": (UNFINISHED, None),
    "terminate": (UNFINISHED, None),
    "pause": (PAUSED, None),
    "resume": (RESUMED, None),
    "retry": (RETRIABLE, RETRIED_BY_QUERY),
}


class Found:
    """Runs that match a query, newest first, read from the store by pages as you iterate.

    `for run in found`, `async for run in found`. Verbs act on all that match and can be acted upon:
    `cancel()`, `pause()` and `terminate()` on those that have not ended; `retry()` on failed ones that no
    newer run goes on from (and on cancelled ones, where the query says so); `resume()` on parked ones. Each
    gives how many, and puts on record who did: `by`, else the login name, in a task its run.

    Example:

    >>> report.run("Oslo")
    'report of Oslo'
    >>> [run.result() for run in podium.runs("workflow:report status:done")]
    ['report of Oslo']
    """

    def __init__(self, app: App, query: str) -> None:
        self._app, self._query = app, query
        self._parsed = parse([query], app.env.now())

    def __iter__(self) -> Iterator[Run[Any]]:
        for page in pages(self._app, self._parsed):
            yield from map(self._run, page)

    async def __aiter__(self) -> AsyncIterator[Run[Any]]:
        left = pages(self._app, self._parsed)
        while (page := await asyncio.to_thread(next, left, None)) is not None:
            for row in page:
                yield self._run(row)

    def __bool__(self) -> bool:
        """Whether any run matches; one blocking read, as iterating it."""
        return any(pages(self._app, self._parsed))

    def count(self) -> Waiting[int]:
        """How many match.

        Example:

        >>> podium.runs("status:failed ended:today").count().result()
        0
        """
        return answered(lambda: sum(map(len, pages(self._app, self._parsed))), self._app.env)

    def cancel(self, *, by: str | None = None) -> Waiting[int]:
        """Ask all of them that have not ended to stop.

        Example:

        >>> run = rests.options(tags=["nightly"]).start()
        >>> podium.runs("tag:nightly").cancel().result()
        1
        """
        return self._each("cancel", by)

    def terminate(self, *, by: str | None = None) -> Waiting[int]:
        """End those that no living process has at once, without running their bodies.

        Example:

        >>> run = rests.options(tags=["nightly"], delay=3600).start()
        >>> podium.runs("tag:nightly").terminate().result()
        1
        """
        return self._each("terminate", by)

    def pause(self, *, by: str | None = None) -> Waiting[int]:
        """Have those that have not ended wait until they are resumed; `by`: who does, for the record.

        Example:

        >>> run = rests.options(tags=["nightly"], delay=3600).start()
        >>> podium.runs("tag:nightly").pause().result()
        1
        """
        return self._each("pause", by)

    def resume(self, *, by: str | None = None) -> Waiting[int]:
        """Put the parked ones back in line.

        What a process has left behind is in line already, for whoever drives its function: a worker, or the
        one that asks such a run for its `result()`.

        Example:

        >>> podium.runs("workflow:daily").resume().result()
        0
        """
        return self._each("resume", by)

    def retry(self, *, by: str | None = None) -> Waiting[int]:
        """A new run for each failed one that no newer run goes on from.

        Example:

        >>> podium.runs("workflow:daily ended:today").retry().result()
        0
        """
        return self._each("retry", by)

    def meant(self, verb: Verb) -> list[RunRow]:
        """The rows of the runs that a verb would be done to, newest first, to show them before. It blocks.

        Example:

        >>> podium.runs("workflow:daily").meant("retry")
        []
        """
        able, by_query = _VERBS[verb]
        rows = [row for page in pages(self._app, among(self._parsed, able, by_query)) for row in page]
        if verb == "retry" and rows:
            done = retried_since(self._app, min(row.created for row in rows))
            done |= retried_with_others(self._app, rows)
            rows = [row for row in rows if row.id not in done]
        return rows

    def act(self, verb: Verb, rows: Sequence[RunRow], by: Operator | None = None) -> int:
        """Do it to these; to how many it was done: the others have moved on meanwhile. `by`: who
        does, for the record; None: the login name. It blocks.

        Example:

        >>> found = podium.runs("workflow:daily")
        >>> found.act("retry", found.meant("retry"))
        0
        """
        app, by = self._app, by or operator()
        if verb == "cancel":
            done = app.decisions.cancel_all(rows, by)
            return len(done) - done.count(Cancelled.TOO_LATE)
        stops = StopWait(app.session)
        acts: dict[Verb, Callable[[str], Promise[Any]]] = {
            "pause": lambda run: app.decisions.pause(run, by),
            "terminate": lambda run: app.terminate(run, by),
            "resume": lambda run: app.resume(run, by),
            "retry": lambda run: app.retry(run, by, stops).id,
        }
        return sum([_has_happened(asked) for asked in [_asked(acts[verb], row.id) for row in rows]])

    def _each(self, verb: Verb, by: str | None) -> Waiting[int]:
        who = operator(by)

        def act() -> Future[int]:
            return known(self.act(verb, self.meant(verb), who))

        asking = self._app.session.asking
        return under_way(asking.ask_apart(act)) if in_event_loop() else FutureWaiting(act())

    def _run(self, row: RunRow) -> Run[Any]:
        return Run(StoredRun.known(self._app, self._app.functions.get(row.function), row))

    def __reduce__(self) -> NoReturn:
        raise UsageError("what podium.runs(...) gives is not pickled", fix="pass the query, or the runs' ids")

    def __repr__(self) -> str:
        return f"<podium.runs({self._query!r}): iterate them, or .count()>"

    def _repr_html_(self) -> str:
        """The newest of them, as a notebook shows them."""
        rows = list(islice((row for page in pages(self._app, self._parsed) for row in page), _SHOWN + 1))
        return run_list(rows[:_SHOWN], len(rows) > _SHOWN, self._app.env.now())


def _asked(act: Callable[[str], Promise[Any]], run: str) -> Promise[Any] | None:
    try:
        return act(run)
    except WrongState:  # it has moved on since the page was read
        return None


def _has_happened(asked: Promise[Any] | None) -> bool:
    try:
        return asked is not None and asked.result() is not Cancelled.TOO_LATE
    except WrongState:
        return False


def get(id: str) -> Run[Any]:
    """The run with this id, whatever process started it. Raises RunNotFound.

    Its result has the type that its function declares, where that is imported here; else it is as it was
    recorded. `f.get(id)` also knows the type.

    Example:

    >>> run = report.options(id="order-17").start("Oslo")
    >>> podium.get("order-17").result(timeout=60)
    'report of Oslo'
    """
    app, row = load("podium.get", id)
    return Run(StoredRun.known(app, app.functions.get(row.function), row))


def get_of(function: Function, id: str) -> Run[Any]:
    """The run of this function with this id. Raises RunNotFound, also where it is of another one."""
    app, row = load(f"{function.label}.get", id)
    if row.function != function.name:
        raise RunNotFound(
            f"run {id!r} is of {row.function}, not of {function.name}", fix=f"podium.get({id!r})"
        )
    return Run(StoredRun.known(app, function, row))


def runs(query: str = "") -> Found:
    """Runs that match a query, as `podium runs` reads it; all of them without one. Raises UsageError.

    Example:

    >>> for run in podium.runs("status:failed ended:today"):
    ...     print(run.id, run.why())
    """
    given: Any = query  # as it was given
    if not isinstance(given, str):
        raise UsageError(f'podium.runs({query!r}): a text is needed, such as "status:failed tag:nightly"')
    return Found(_looking("podium.runs"), query)


def load(call: str, id: Any) -> tuple[App, RunRow]:
    """The current app, and the run with this id there. Raises RunNotFound, UsageError in a body."""
    if not isinstance(id, str):
        raise UsageError(f"{call}({id!r}): the id of a run is text")
    app = _looking(call)
    return app, app.load(id)


def _looking(call: str) -> App:
    if current_machine() is not None:
        raise UsageError(
            f"{call}(...) in a workflow's body: what it finds would be other on a resume",
            fix="look in a task, and return what it found",
        )
    return current_app()
