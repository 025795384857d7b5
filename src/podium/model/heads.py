"""A run as its owner needs it, from the record that there is of it."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec

from .records import Entry, Head, NewRun
from .rows import RunRow


class Undone(msgspec.Struct, frozen=True):
    """What the runs that this one retries have undone: these steps are done with keys of their own."""

    steps: tuple[str, ...]
    times: int  # how often something was undone

    def suffix(self, step: str, is_undo: bool) -> str:
        """What the key of a step has behind it."""
        return f"~{self.times}" if is_undo or step in self.steps else ""


class _Context(msgspec.Struct):
    """Of the headers in a run's `context`, what is read here."""

    module: str | None = None
    undone: Undone | None = None
    secret: str = ""


_read = msgspec.json.Decoder(_Context).decode  # made once: each run is asked several times


def new_context(secret: str) -> str:
    """The headers of a run that nothing else is said of. What it asks for outside gets ids by `secret`, which
    its retries, forks and children share; so these cannot be computed from its id."""
    return f'{{"secret":"{secret}"}}'


def secret_of(context: str) -> str:
    """The secret of a run; "" of one that began before there were any."""
    return _read(context).secret if context else ""


def headers_for_attempts(head: Head) -> str:
    """The headers that its tasks get, wherever they run: all but its secret."""
    headers: dict[str, Any] = msgspec.json.decode(head.context) if head.context else {}
    if not headers.pop("secret", ""):
        return head.context
    return msgspec.json.encode(headers).decode() if headers else ""


def lineage_of(head: Head) -> str:
    """What a run's chance and idempotency keys derive from: one for a run and its retries, another in each
    generation. In an id neither a user nor Podium writes an @."""
    if not head.copied:  # nothing of most runs is
        return own_lineage_of(head)
    return _of_generation(_seeds(head.seed or head.id)[1], head.generation)


def own_lineage_of(head: Head) -> str:
    """The same where the copied past of a run has ended: a fork's is another one, a retry's is not."""
    seed = head.seed or head.id
    if _FORKED_FROM in seed:
        seed = _seeds(seed)[0]
    return _of_generation(seed, head.generation) if head.generation else seed


_FORKED_FROM = "<"  # in no id: "own seed<seed of the copied past" is the seed of a fork


def _seeds(seed: str) -> tuple[str, str]:
    own, _, first = seed.partition(_FORKED_FROM)
    return own, first or own


def _of_generation(seed: str, generation: int) -> str:
    return f"{seed}@{generation}" if generation else seed


def is_fork(row: RunRow) -> bool:
    """Whether a run was forked from its origin: a retry goes on under the seed of its origin."""
    return bool(row.origin) and _seeds(row.seed)[0] == row.id


def module_before(head: Head) -> str | None:
    """What its workflow's module was called when Podium 0.1 began it; None for a run of a later version."""
    return _read(head.context).module if head.context else None


def undone_of(head: Head) -> Undone | None:
    """What was undone before; None of most runs."""
    return _read(head.context).undone if head.context else None


def with_undone(context: str, steps: frozenset[str]) -> str:
    """The headers of a run's retry, where that run has undone these steps."""
    headers: dict[str, Any] = msgspec.json.decode(context) if context else {}
    before = msgspec.convert(headers.get("undone") or {"steps": (), "times": 0}, Undone)
    headers["undone"] = Undone(tuple(sorted({*before.steps, *steps})), before.times + 1)
    return msgspec.json.encode(headers).decode()


def headers_for_child(head: Head) -> str:
    """The headers that a child takes over: those of its own are left out."""
    if not head.context or module_before(head) is not None:
        return ""
    headers: dict[str, Any] = msgspec.json.decode(head.context)
    headers.pop("undone", None)
    return msgspec.json.encode(headers).decode() if headers else ""


def clock_of(head: Head) -> float:
    """Where a run's clock begins: of a copy where its origin's did, until the copied past ends; of a later
    generation where the one before it ended."""
    return head.began if head.copied or head.generation else head.started


def _shared(
    to: type[msgspec.Struct], of: type[msgspec.Struct], but: frozenset[str]
) -> Callable[[Any], dict[str, Any]]:
    """Gives the fields of one record that the other has, too: what is added to both is carried over."""
    names = tuple(name for name in to.__struct_fields__ if name in of.__struct_fields__ and name not in but)
    get = attrgetter(*names)
    return lambda record: dict(zip(names, get(record), strict=True))


# Of a row it is not known whose the run is.
_row_to_head = _shared(Head, RunRow, frozenset({"starter", "started", "began"}))
# What a run started from another one's past takes over: all but its name, its times and its place in line.
_OF_ITS_OWN = "id entries due starter unique_name origin parent root rank began base"
_row_to_copy = _shared(NewRun, RunRow, frozenset(_OF_ITS_OWN.split()))


def head_of_row(row: RunRow) -> Head:
    """Of a run that we own, by the store's word."""
    started = row.created if row.started is None else row.started
    return Head(**_row_to_head(row), started=started, began=started if row.began is None else row.began)


def head_of_new(new: NewRun) -> Head:
    """Of a run that was created owned."""
    id, at, copied = new.id, new.at, new.copy_from[1] if new.copy_from else 0
    return Head(  # by position, as every start needs one: names cost four times as much
        id, new.function, 1, new.args, new.digest, at, at, 0, copied + len(new.entries), new.fingerprint,
        new.starter, True, new.project, new.origin, new.parent, new.root or id, new.seed or id,
        at if new.began is None else new.began, copied, new.generation, new.base, new.context, new.queue,
        new.lane,
    )  # fmt: skip


def copy_of_row(row: RunRow, id: str, at: float, keep: int) -> NewRun:
    """A start that goes on from the first `keep` entries of a run's generation; its clock, from the run's."""
    if not keep:
        return NewRun(**_row_to_copy(row), id=id, at=at, origin=row.id)
    source = (row.id, row.base + keep)
    return NewRun(
        **_row_to_copy(row), id=id, at=at, origin=row.id, copy_from=source, began=row.began, base=row.base
    )


def id_of_retry(run: str) -> str:
    """The id that the retry of a run has: a run has one. No id that is chosen has a ~."""
    first, _, number = run.rpartition("~")
    return f"{first}~{int(number) + 1}" if first else f"{run}~2"


class _Planned(msgspec.Struct):
    """Of a start, what its call does not say."""

    origin: str
    seed: str
    context: str
    tags: tuple[str, ...]
    copy_from: tuple[str, int] | None = None
    began: float | None = None
    generation: int = 0
    base: int = 0
    entries: tuple[Entry, ...] = ()
    args: bytes = b""  # of a later generation than the first


_read_planned = msgspec.msgpack.Decoder(_Planned).decode
_new_to_planned = _shared(_Planned, NewRun, frozenset({"args"}))
_planned_to_new = _shared(NewRun, _Planned, frozenset({"args"}))


def planned(new: NewRun) -> bytes:
    """A start that is not due yet, as a record keeps it."""
    args = new.args if new.generation else b""
    return msgspec.msgpack.encode(_Planned(**_new_to_planned(new), args=args))


def origin_of_plan(payload: bytes) -> str:
    """The run that a planned start goes on from; "" where it begins from nothing, or nothing was planned."""
    return _read_planned(payload).origin if payload else ""


def as_planned(payload: bytes, new: NewRun) -> NewRun:
    """The start that a call makes now, as it was planned."""
    found = _read_planned(payload)
    return msgspec.structs.replace(new, **_planned_to_new(found), args=found.args or new.args)


def fork_of_row(row: RunRow, id: str, at: float, keep: int) -> NewRun:
    """The same of a fork: what it does after the copied past draws from a seed of its own."""
    own, first = _seeds(row.seed or row.id)
    seed = f"{id}{_FORKED_FROM}{first if row.copied else own}" if keep else id
    return msgspec.structs.replace(copy_of_row(row, id, at, keep), seed=seed)
