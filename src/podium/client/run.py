"""`Run`: one durable execution, as its caller holds it. The same class inside and outside of workflows."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from .. import late
from ..checks import check_text
from ..errors import UsageError
from ..inspect import drop_our_frames
from ..model import Entry, State
from .fork_verb import Forkable
from .loop_wakeup import in_event_loop
from .settling import Settling
from .stored_run import PASSED_ON, StoredRun, why
from .streams import LOG, Stream
from .waiting import Waiting, check_timeout, mapped

if TYPE_CHECKING:
    from ..inspect import run_card
    from . import messages, operators
else:
    run_card = late.module(globals(), "..inspect.run_card")
    messages = late.module(globals(), ".messages")
    operators = late.module(globals(), ".operators")


R = TypeVar("R")


class Source(Protocol):
    """Where a Run's answers come from."""

    @property
    def id(self) -> str: ...

    def state(self) -> State: ...

    def result(self, timeout: float | None) -> Any: ...

    async def wait(self) -> Any: ...

    async def started(self) -> str: ...

    def cancel(self, by: str | None) -> Waiting[None]: ...

    def send(self, name: str, value: Any, id: str | None) -> Waiting[None]: ...

    def value(self, name: str) -> Any: ...

    def stream(self, name: str, after: int) -> Stream: ...


class Run(Forkable, Settling, Waiting[R]):
    """A started call. `.result()` blocks, `await` awaits; both give the value or raise the failure.

    `podium.get(id)` and `f.get(id)` give it again, in any process. `state`, `value`, `history` and `why` are
    blocking reads of the store, as `get` is: in an `async def` task, `asyncio.to_thread(run.why)` lets others
    go on meanwhile. What changes the run is done on return in sync code; in a running event
    loop it is under way on return, and awaiting what was returned says that it is done.

    Example:

    >>> run = report.start("Oslo")
    >>> run.result(timeout=60)
    'report of Oslo'
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def id(self) -> str:
        """The run's id, as text; it waits for the start to be on disk where no id was chosen.

        Example:

        >>> report.options(id="monday").start("Oslo").id
        'monday'
        """
        return self._source.id

    @property
    def state(self) -> State:
        """Where it stands now: queued, running, waiting, succeeded, failed, cancelled or parked.

        Example:

        >>> run = report.start("Oslo")
        >>> run.result(), str(run.state)
        ('report of Oslo', 'succeeded')
        """
        return self._source.state()

    def result(self, timeout: float | None = None) -> R:
        """Block until it ends, or for so many seconds.

        Raises its failure with the original type, RunCancelled, RunParked, or TimeoutError after `timeout`
        seconds (the run goes on).

        Example:

        >>> report.start("Oslo").result(timeout=60)
        'report of Oslo'
        """
        check_timeout(timeout)
        try:
            return self._source.result(timeout)
        except PASSED_ON as error:
            drop_our_frames(error)
            raise

    def __await__(self) -> Generator[Any, None, R]:
        return self._source.wait().__await__()

    def started(self) -> Awaitable[str]:
        """Await it to know that the start is on disk; gives the id.

        Example:

        >>> async def begin():
        ...     run = report.options(id="monday").start("Oslo")
        ...     return await run.started()
        >>> asyncio.run(begin())
        'monday'
        """
        return self._source.started()

    def cancel(self, *, by: str | None = None) -> Waiting[None]:
        """Ask it to stop: its body sees CancelledError and may clean up.

        by  who cancels it, for the record; default: the login name, in a task its run

        One whose body has not begun, or that is parked, ends at once; of an ended run it does nothing. What
        `@task(undo=)` and `on_failure` undo is then undone, which a second cancel does not cut.

        Example; in async code it is `await run.cancel()`:

        >>> run = rests.start()
        >>> _ = run.cancel()
        >>> run.result()
        Traceback (most recent call last):
        podium.errors.RunCancelled: ...
        """
        return self._source.cancel(by)

    def send(self, name: str, value: Any = None, *, id: str | None = None) -> Waiting[None]:
        """Send it a signal, which its body gets by `podium.receive(name)`, sooner or later.

        Signals of one sender come in order. id: the same one again sends nothing twice; in a task and in a
        workflow there is one for each call. A crash before this is done may have sent it or not: then the
        same id again is safe. Raises EncodeError, WrongState where the run has ended, InboxFull.

        Example; in async code it is `await run.send(...)`:

        >>> run = greets.start()
        >>> _ = run.send("name", "Ada")
        >>> run.result()
        'hello Ada'
        """
        return self._source.send(name, value, id)

    def value(self, name: str) -> Any:
        """What it has published last under this name by `podium.publish`; None before that.

        Example:

        >>> run = counts.start(3)
        >>> run.result(), run.value("last")
        (3, 2)
        """
        check_text("value", "name", name)
        return self._source.value(name)

    def stream(self, name: str = LOG, after: int = 0) -> Stream:
        """What it emits to a stream by `podium.emit`, chunk by chunk as it comes, until it ends or is parked.

        name   of the stream; `log` is what it prints and logs
        after  the number of the last chunk that is known: it goes on behind that

        Example; in async code `async for chunk in run.stream(...)`:

        >>> run = counts.start(3)
        >>> [(chunk.n, chunk.value) for chunk in run.stream("numbers", after=1)]
        [(2, 1), (3, 2)]
        """
        check_text("stream", "name", name)
        return self._source.stream(name, after)

    def answer(self, value: Any, *, ask: str | None = None, by: str | None = None) -> Waiting[None]:
        """Answer what its body asks by `podium.ask`.

        ask  which question, by its id or its prompt, where there are several
        by   who answers, for the record; default: the login name, in a task its run

        Raises UsageError where the value does not fit the question's type, WrongState where nothing is asked,
        it was answered already otherwise, or the time is up.

        Example:

        >>> report.options(delay=3600).start("Oslo").answer(True)
        Traceback (most recent call last):
        podium.errors.WrongState: ...
        """
        stored, who = self._stored(), operators.operator(by)
        return stored.asked(messages.answering(stored.app, value, ask, who))

    def terminate(self, *, by: str | None = None) -> Waiting[None]:
        """End it at once, without running its body, which then cannot clean up; nothing is undone.
        `by`: as in `cancel`.

        Raises WrongState where a living process has it (`cancel` asks that one), or it has ended.

        Example:

        >>> run = report.options(delay=3600).start("Oslo")
        >>> _ = run.terminate()
        >>> str(run.state)
        'cancelled'
        """
        stored, who = self._stored(), operators.operator(by)
        return stored.asked(lambda run: mapped(stored.app.terminate(run, who), lambda _: None))

    def history(self) -> list[Entry]:
        """What is on record of it, in order: a row for each outcome.

        Raises UsageError for a step inside of a workflow, which has no record of its own; so do `resume`,
        `retry` and `why`.

        Example:

        >>> run = report.start("Oslo")
        >>> run.result(), [str(entry.kind) for entry in run.history()]
        ('report of Oslo', ['result'])
        """
        stored = self._stored()
        return stored.app.history(stored.row().id)

    def resume(self, *, by: str | None = None) -> Waiting[None]:
        """Put it back in line after it was parked. `by`: as in `cancel`. Raises WrongState if it is not.

        Example:

        >>> report.start("Oslo").resume()
        Traceback (most recent call last):
        podium.errors.WrongState: ...
        """
        stored, who = self._stored(), operators.operator(by)
        return stored.asked(lambda run: mapped(stored.app.resume(run, who), lambda _: None))

    def retry(self, *, by: str | None = None) -> Run[R]:
        """A new run from the recorded past of this failed one; child runs that failed are retried in it.
        `by`: as in `cancel`.

        A run has one retry: until that has ended, it is given again. Raises WrongState if this has not
        failed, if its retry has ended, if it is retried with the run that has started it, or if a child
        that was asked to stop goes on: for 5 s, in an event loop at once.

        Example:

        >>> run = breaks_once.start()
        >>> run.result()
        Traceback (most recent call last):
        ValueError: not yet
        >>> run.retry().result()
        'done'
        """
        stored = self._stored()
        started = stored.app.retry(stored.row().id, operators.operator(by))
        if not in_event_loop():
            started.id.result()
        return Run(StoredRun(stored.app, stored.function, started))

    def why(self) -> str:
        """Why it stands where it stands, in a sentence, and what would move it.

        Example:

        >>> run = report.start("Oslo")
        >>> run.result(), run.why()
        ('report of Oslo', 'succeeded: it succeeded 0 s ago; nothing more will happen to it')
        """
        stored = self._stored()
        return why(stored.app, stored.row().id)

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a Run is not pickled: it is of its process", fix="pass run.id; podium.get(id) has it there"
        )

    def _stored(self) -> StoredRun:
        if not isinstance(self._source, StoredRun):
            raise UsageError("a step inside a workflow has no history of its own")
        return self._source

    def __repr__(self) -> str:
        return f"<Run {self.id}>"

    def _repr_html_(self) -> str | None:
        """How it stands and what it did, as a notebook shows it; None inside a workflow."""
        if not isinstance(self._source, StoredRun):
            return None
        return run_card.run_card(self._source.app, self._source.row())
