"""`Client` and the runs that it gives: the same words as in a process that has the store."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from .. import codec
from ..client import StartOptions, Waiting, answered, checked_tags
from ..env import RealEnv
from ..errors import RunCancelled, RunParked, TaskFailed
from ..model import State
from .link import Link
from .queues import RemoteQueue, rows
from .said import Says

T = TypeVar("T")

_WAIT_SECONDS = 30.0  # of one request; then it is asked again


class _Row(msgspec.Struct, frozen=True):
    id: str
    state: str


class _Page(msgspec.Struct, frozen=True):
    items: list[_Row]
    next: str | None


class _Ended(msgspec.Struct, frozen=True):
    done: bool
    state: str
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: dict[str, Any] = {}


class _Why(msgspec.Struct, frozen=True):
    state: str
    sentence: str
    details: list[str]
    fix: str


class _Count(msgspec.Struct, frozen=True):
    count: int


class _Done(msgspec.Struct, frozen=True):
    done: int


class Client:
    """A server's runs, over HTTP. `url` and `token` are what `podium up` prints; its whole link will do.

    Every call is a request, or a few. Raises StoreUnavailable where the server does not answer, UsageError
    where the token does not allow it, and what the same call raises in a process that has the store.

    Example:

    >>> client = podium.Client(server.url, server.token)
    >>> run = client.start("report", "Oslo")
    >>> run.result(timeout=60)
    'report of Oslo'
    """

    def __init__(self, url: str, token: str | None = None, options: StartOptions | None = None) -> None:
        self._url, self._token = url, token
        self._link, self._options = Link(url, token), options or StartOptions()

    def options(
        self, *, id: str | None = None, delay: float | None = None, tags: Iterable[str] = ()
    ) -> Client:
        """A client whose starts have this id, begin after so many seconds, have these tags.

        Example:

        >>> client = podium.Client(server.url, server.token)
        >>> client.options(id="monday").start("report", "Oslo").id
        'monday'
        """
        return Client(self._url, self._token, StartOptions(id=id, delay=delay, tags=checked_tags(tags)))

    def start(self, workflow: str, *args: Any, **kwargs: Any) -> RemoteRun:
        """Start a workflow by its name, "module:name", or the name alone where one module has it.

        It is on disk when this returns. Raises RunNotFound where the server does not have that workflow,
        ArgumentError where the arguments do not fit it, IdConflict, and EncodeError.

        Example:

        >>> podium.Client(server.url, server.token).start("report", city="Oslo").result()
        'report of Oslo'
        """
        id = self._options.id or RealEnv().new_id()  # chosen here, so that asking twice starts one
        body = {
            "function": workflow, "args": args, "input": kwargs, "id": id, "delay": self._options.delay,
            "tags": self._options.tags,
        }  # fmt: skip
        row = msgspec.json.decode(self._link.post("runs", body=body), type=_Row)
        return RemoteRun(self._link, row.id)

    def get(self, id: str) -> RemoteRun:
        """The run with this id. Raises RunNotFound.

        Example:

        >>> client = podium.Client(server.url, server.token)
        >>> run = client.options(id="order-17").start("report", "Oslo")
        >>> client.get("order-17").result(timeout=60)
        'report of Oslo'
        """
        run = RemoteRun(self._link, id)
        run.row()
        return run

    def runs(self, query: str = "") -> RemoteFound:
        """Runs that match a query, as `podium runs` reads it; all of them without one.

        Example:

        >>> podium.Client(server.url, server.token).runs("status:failed").count().result()
        0
        """
        return RemoteFound(self._link, query)

    def queues(self) -> list[RemoteQueue]:
        """The queues that are declared, set or in use, by name.

        Example:

        >>> client = podium.Client(server.url, server.token)
        >>> client.start("report", "Oslo").result()
        'report of Oslo'
        >>> "letters" in [queue.name for queue in client.queues()]
        True
        """
        return [RemoteQueue(self._link, row["name"]) for row in rows(self._link)]

    def queue(self, name: str) -> RemoteQueue:
        """A queue by its name: `show`, `set`, `pause`, `resume`, which raise RunNotFound where there is none.

        Example:

        >>> client = podium.Client(server.url, server.token)
        >>> client.start("report", "Oslo").result()
        'report of Oslo'
        >>> queue = client.queue("letters")
        >>> queue.set(concurrency=3).result()
        >>> queue.show()["concurrency"]
        3
        >>> queue.set(from_code=True).result()
        """
        return RemoteQueue(self._link, name)

    def complete(self, callback: str, value: Any = None, *, error: str | None = None) -> Waiting[None]:
        """Answer a callback by its id, with a value or with the text of an error. On record it is by the name
        of the token.

        Raises UsageError where the value does not fit, WrongState where nobody waits for it any more, or it
        was completed otherwise.

        Example:

        >>> podium.Client(server.url, server.token).complete("nobody-asks")
        Traceback (most recent call last):
        podium.errors.WrongState: ...
        """
        body = {"value": value} if error is None else {"error": error}
        return _asked(lambda: _nothing(self._link.post("callbacks", callback, "complete", body=body)))


class RemoteRun(Says):
    """A run of a server. `.result()` blocks, `await` awaits, as those of a `Run`."""

    @property
    def state(self) -> State:
        """Where it stands now."""
        return State(self.row().state)

    def row(self) -> _Row:
        """What the server says of it. Raises RunNotFound."""
        return msgspec.json.decode(self._link.get("runs", self.id, "why"), type=_Row)

    def result(self, timeout: float | None = None) -> Any:
        """Block until it ends, or for so many seconds.

        Raises TaskFailed (type, message and traceback of the failure), RunCancelled, RunParked, TimeoutError.
        """
        env = RealEnv()
        until = None if timeout is None else env.monotonic() + timeout
        while True:
            left = _WAIT_SECONDS if until is None else max(0.0, min(_WAIT_SECONDS, until - env.monotonic()))
            data = self._link.get("runs", self.id, "wait", wait=left, timeout=left)
            ended = msgspec.json.decode(data, type=_Ended)
            if ended.done:
                return _outcome(self.id, ended)
            if until is not None and env.monotonic() >= until:
                raise TimeoutError(f"run {self.id} is not done after {timeout} s, and goes on")

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.to_thread(self.result).__await__()

    async def started(self) -> str:
        """Its id: it is on disk."""
        return self.id

    def cancel(self) -> Waiting[None]:
        """Ask it to stop. Raises WrongState where it has ended."""
        return self._do("cancel")

    def send(self, name: str, value: Any = None, *, id: str | None = None) -> Waiting[None]:
        """Send it a signal, which `podium.receive(name, type)` takes. `id`: the same one again is the same
        signal. Raises WrongState where it has ended."""
        body = {"name": name, "value": value, "id": id or RealEnv().new_id()}
        return _asked(lambda: _nothing(self._link.post("runs", self.id, "send", body=body)))

    def answer(self, value: Any, *, ask: str | None = None) -> Waiting[None]:
        """Answer what it asks; `ask` names the question where it asks several. On record it is by the name of
        the token. Raises UsageError where the value does not fit, WrongState where nothing is asked, or it is
        answered already."""
        body = {"value": value, "ask": ask}
        return _asked(lambda: _nothing(self._link.post("runs", self.id, "answer", body=body)))

    def terminate(self) -> Waiting[None]:
        """End it at once, without running its body. Raises WrongState."""
        return self._do("terminate")

    def pause(self) -> Waiting[None]:
        """Have it wait until it is resumed; what of it has begun ends before. Raises WrongState."""
        return self._do("pause")

    def resume(self) -> Waiting[None]:
        """Put it back in line after it was parked. Raises WrongState."""
        return self._do("resume")

    def settle(
        self, step: str, *, happened: Any = ..., again: bool = False, failed: BaseException | None = None
    ) -> Waiting[None]:
        """Say what became of a step over which it is parked. Raises WrongState, UsageError."""
        body: dict[str, Any] = {"step": step}
        if happened is not ...:
            body["happened"] = happened
        if again:
            body["again"] = True
        if failed is not None:
            body["failed"] = str(failed)
        return _asked(lambda: _nothing(self._link.post("runs", self.id, "settle", body=body)))

    def retry(self) -> RemoteRun:
        """A new run from its recorded past. Raises WrongState if it has not failed."""
        data = self._link.post("runs", self.id, "retry", body={})
        return RemoteRun(self._link, msgspec.json.decode(data, type=_Row).id)

    def fork(self, *, at: str | int, value: Any = ...) -> RemoteRun:
        """A copy of it that ends before the outcome of a step, or with `value` in its place. Raises
        UsageError where the step is none or several, or the value does not fit; WrongState."""
        body = {"at": at} if value is ... else {"at": at, "value": value}
        data = self._link.post("runs", self.id, "fork", body=body)
        return RemoteRun(self._link, msgspec.json.decode(data, type=_Row).id)

    def history(self) -> list[dict[str, Any]]:
        """What is on record of it, in order, as `podium show --json` has it."""
        entries: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = msgspec.json.decode(self._link.get("runs", self.id, "history", after=after, limit=1000))
            entries += page["items"]
            after = page["next"]
        return entries

    def why(self) -> str:
        """Why it stands where it stands, in a sentence, and what would move it."""
        told = msgspec.json.decode(self._link.get("runs", self.id, "why"), type=_Why)
        parts = (f"{told.state}: {told.sentence}", *told.details, told.fix)
        return "\n  ".join(part for part in parts if part)

    def _do(self, verb: str) -> Waiting[None]:
        return _asked(lambda: _nothing(self._link.post("runs", self.id, verb, body={})))

    def __repr__(self) -> str:
        return f"<RemoteRun {self.id}>"


class RemoteFound:
    """Runs of a server that match a query, read by pages; verbs act on all of them, as those of `Found`."""

    def __init__(self, link: Link, query: str) -> None:
        self._link, self._query = link, query

    def __iter__(self) -> Iterator[RemoteRun]:
        after: str | None = ""
        while after is not None:
            data = self._link.get("runs", q=self._query, after=after, limit=500)
            page = msgspec.json.decode(data, type=_Page)
            yield from (RemoteRun(self._link, row.id) for row in page.items)
            after = page.next

    async def __aiter__(self) -> AsyncIterator[RemoteRun]:
        left = iter(self)
        while (run := await asyncio.to_thread(next, left, None)) is not None:
            yield run

    def __bool__(self) -> bool:
        return any(True for _ in self)

    def count(self) -> Waiting[int]:
        """How many match."""
        return _asked(lambda: sum(1 for _ in self))

    def cancel(self) -> Waiting[int]:
        """Ask all of them that have not ended to stop; how many that were."""
        return self._each("cancel")

    def terminate(self) -> Waiting[int]:
        """End those that no living process has, without running their bodies; how many that were."""
        return self._each("terminate")

    def resume(self) -> Waiting[int]:
        """Put the parked ones back in line; how many that were."""
        return self._each("resume")

    def retry(self) -> Waiting[int]:
        """A new run for each failed one that no newer run goes on from; how many that were."""
        return self._each("retry")

    def _each(self, verb: str) -> Waiting[int]:
        return _asked(functools.partial(self._act, verb))

    def _act(self, verb: str) -> int:
        shown = msgspec.json.decode(self._link.get("runs", "preview", verb=verb, q=self._query), type=_Count)
        body = {"q": self._query, "count": shown.count}
        return msgspec.json.decode(self._link.post("runs", verb, body=body), type=_Done).done


def _asked(act: Callable[[], T]) -> Waiting[T]:
    """Done here in sync code, in a thread of its own in an event loop."""
    return answered(act, RealEnv())


def _nothing(_: bytes) -> None:
    """Of an answer that says no more than that it is done."""


def _outcome(run: str, ended: _Ended) -> Any:
    state = State(ended.state)
    if state is State.SUCCEEDED:
        return codec.decode(bytes(ended.result), Any)
    if state is State.FAILED:
        told = ended.error
        raise TaskFailed(told.get("type", ""), told.get("message", ""), told.get("traceback", ""))
    if state is State.CANCELLED:
        raise RunCancelled(f"run {run} was cancelled")
    raise RunParked(f"run {run} is parked", fix=f"podium why {run}")
