"""A run as its owner needs it, from the record that there is of it."""

from __future__ import annotations

import msgspec

from .records import Head, NewRun
from .rows import RunRow


class _Context(msgspec.Struct):
    """Of the headers in a run's `context`, what is read here."""

    module: str | None = None


def lineage_of(head: Head) -> str:
    """What a run's chance and idempotency keys derive from: one for a run and its retries, another in each
    generation. In an id neither a user nor Podium writes an @."""
    seed = head.seed or head.id
    return f"{seed}@{head.generation}" if head.generation else seed


def module_before(head: Head) -> str | None:
    """What its workflow's module was called when Podium 0.1 began it; None for a run of a later version."""
    return msgspec.json.decode(head.context, type=_Context).module if head.context else None


def clock_of(head: Head) -> float:
    """Where a run's clock begins: of a copy where its origin's did, until the copied past ends; of a later
    generation where the one before it ended."""
    return head.began if head.copied or head.generation else head.started


def head_of_row(row: RunRow) -> Head:
    """Of a run that we own, by the store's word: but not whose it is, which a row does not say."""
    started = row.created if row.started is None else row.started
    return Head(
        id=row.id,
        function=row.function,
        token=row.token,
        args=row.args,
        digest=row.digest,
        created=row.created,
        started=started,
        lost=row.lost,
        entries=row.entries,
        fingerprint=row.fingerprint,
        project=row.project,
        origin=row.origin,
        parent=row.parent,
        root=row.root,
        seed=row.seed,
        began=started if row.began is None else row.began,
        copied=row.copied,
        generation=row.generation,
        base=row.base,
        context=row.context,
        queue=row.queue,
        lane=row.lane,
        messages=row.messages,
    )


def head_of_new(new: NewRun) -> Head:
    """Of a run that was created owned."""
    copied = new.copy_from[1] if new.copy_from else 0
    return Head(
        id=new.id,
        function=new.function,
        token=1,
        args=new.args,
        digest=new.digest,
        created=new.at,
        started=new.at,
        entries=copied,
        fingerprint=new.fingerprint,
        starter=new.starter,
        ours=True,
        project=new.project,
        origin=new.origin,
        parent=new.parent,
        root=new.root or new.id,
        seed=new.seed or new.id,
        began=new.at if new.began is None else new.began,
        copied=copied,
        generation=new.generation,
        base=new.base,
        context=new.context,
        queue=new.queue,
        lane=new.lane,
    )
