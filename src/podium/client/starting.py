"""Starts as data: what a call becomes in the store, and what the store's verdict on it means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from ..codec import Later, NotNow
from ..depot import Depot
from ..engine import End, Watcher
from ..env import Env
from ..errors import IdConflict, InternalError
from ..functions import Function
from ..model import NewRun, Outcome, Verdict, new_context
from ..queues import rank_of
from .start_options import StartOptions
from .told import Told

CHUNK = 1000  # starts in one commit

T = TypeVar("T")

_NOT_NOW = NotNow()


class Caller(Protocol):
    """Whoever has started a run, told of it on some thread."""

    created: float | None  # tells the run from a later one under the same id; None: not known yet

    @property
    def watcher(self) -> Watcher | None:
        """What is to be told of its end, where somebody waits for that from the start."""
        ...

    def tell(self, run: str | BaseException, /) -> None:
        """Its id, once it is durable, or why its caller is not to have it."""
        ...

    def fail(self, error: BaseException, /) -> None:
        """There is no run, and no end."""
        ...


class Started:
    """A run on its way: its id once it is durable, or why its start has failed; its end if somebody waits for
    that from the start."""

    __slots__ = ("created", "end", "id")

    def __init__(self, id: Told[str], end: Told[End] | None = None, created: float | None = None) -> None:
        self.id, self.end, self.created = id, end, created

    @property
    def watcher(self) -> Watcher | None:
        return None if self.end is None else self.end.tell

    def tell(self, run: str | BaseException, /) -> None:
        self.id.tell(run)

    def fail(self, error: BaseException, /) -> None:
        self.id.tell(error)
        if self.end is not None:
            self.end.tell(error)


class EncodedCall(NamedTuple):
    """Arguments that fit the function, as they are stored, and the options of that run."""

    data: bytes
    digest: bytes
    options: StartOptions
    queue: str = ""
    lane: str = ""


def encoded(
    function: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: StartOptions,
    depot: Callable[[], Depot],
) -> EncodedCall:
    """Raises ArgumentError and EncodeError, before anything is stored. The store is opened for its `depot`
    where there are arguments to be put there."""
    bound = function.bind(args, kwargs)
    function.check(bound)
    place = function.place(bound, options.queue, options.key)
    try:
        data, digest = function.encode(bound, len(args), _NOT_NOW)
    except Later:
        data, digest = function.encode(bound, len(args), depot())
    return EncodedCall(data, digest, options, *place)


def require_own_ids(function: Function, calls: Sequence[EncodedCall]) -> None:
    """Raises IdConflict where calls that are to be started together have one id and other arguments."""
    digests: dict[str, bytes] = {}
    for call in calls:
        id = call.options.id
        if id is not None and digests.setdefault(id, call.digest) != call.digest:
            raise IdConflict(
                f"two of these calls of {function.label} have the id {id!r}, with other arguments",
                fix="give each item an id of its own; nothing was started",
            )


def new_run(function: Function, call: EncodedCall, env: Env, starter: str, project: str) -> NewRun:
    """The run that a call makes, if the store has none for it."""
    now, options = env.now(), call.options
    id, delay, unique = options.id, options.delay, options.unique
    due = now + delay if delay else None
    attach = bool(starter) and id is None and not delay and not unique
    return NewRun(  # by position as far as that reads well: names cost four times as much
        id or env.new_id(), function.name, call.data, call.digest, now, False, id is not None,
        function.fingerprint, due, starter, attach, None, tuple(options.tags), project, unique or "",
        context=new_context(env.secret()) if function.is_workflow else "",
        queue=call.queue,
        lane=call.lane,
        rank=rank_of(now if due is None else due, options.priority) if call.queue else None,
    )  # fmt: skip


def started_run(new: NewRun, label: str, verdict: Verdict, rejects: bool = False) -> str:
    """The id of the run that a start has come to, which may be an earlier one, unless that is rejected.

    Raises IdConflict, or InternalError for a verdict that a start cannot have.
    """
    outcome, id = verdict.runs[0] if verdict.runs else (verdict.outcome, new.id)
    if outcome is Outcome.CONFLICT:
        raise IdConflict.of(new.id, dict(verdict.taken), label)
    if rejects and outcome is Outcome.EXISTS:
        what = f"run {id!r} holds the name {new.unique_name!r}" if id != new.id else f"run {id!r} exists"
        raise IdConflict(f"{what}, and {label}(...) was not to attach to it", fix=f"podium.get({id!r})")
    if outcome not in (Outcome.DONE, Outcome.EXISTS, Outcome.ATTACHED):
        raise InternalError(f"the store refused the start of {label}: {verdict.outcome} {verdict.detail}")
    return id


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Lists of at most `size` items."""
    left = iter(items)
    while chunk := list(islice(left, size)):
        yield chunk


def wait_for_all(started: Sequence[Started]) -> None:
    """Wait until all starts are on disk; raises what the first of them failed with, if any did."""
    errors = [error for one in started if (error := one.id.exception()) is not None]
    if errors:
        if len(started) > 1:
            good = f"{len(started) - len(errors):,} of {len(started):,} runs"
            errors[0].add_note(f"{good} are started all the same: get(id) has them")
        raise errors[0]
