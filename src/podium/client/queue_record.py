"""What a program declares of its queues, on record; and which queues its engine serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from .. import late
from ..env import Env
from ..errors import StoreError, UsageError
from ..model import QueueChange, QueueLimits, QueueRow, Write
from ..options import Options
from ..queues import CONCURRENCY_MAX, check_name, check_rate, queues
from ..store import Store
from .profile import Profile

if TYPE_CHECKING:
    from . import operators
    from .operators import Operator
else:
    operators = late.module(globals(), ".operators")


def is_worker(profile: Profile) -> bool:
    """Whether its engine is there for others' runs: a worker, or `podium up`."""
    return profile.about is not None and profile.about.kind in ("worker", "pool")


def keep_queues(store: Store, profile: Profile) -> None:
    """Put the queues of a program on record, as this program declares them. On a shared store what a worker
    has declared goes before what an embedded engine does. What cannot be now (the store is busy) the first
    start in a queue does."""
    if not queues:
        return
    now, if_new = profile.env.now(), bool(store.shared) and not is_worker(profile)
    try:
        there = {row.name: row for row in store.queues()}
        changes = tuple(
            QueueChange(name, now, declared=queue.limits, if_new=if_new, by=queue.place)
            for name, queue in list(queues.items())
            if name not in there or (there[name].declared != queue.limits and not if_new)
        )
        if changes:
            store.commit(None, [Write(queues=changes)])
    except StoreError:
        return


def served_by(store: Store, profile: Profile) -> Options:
    """The options of its engine. On a shared store queues are served by workers, unless it says which."""
    options = profile.options
    if options.queues is None and store.shared and not is_worker(profile):
        return msgspec.structs.replace(options, queues=("",))
    return options


class Asker(Protocol):
    """An app."""

    @property
    def store(self) -> Store: ...

    @property
    def env(self) -> Env: ...


def change_queue(
    app: Asker,
    name: str,
    *,
    concurrency: str | None = None,
    rate: str | None = None,
    from_code: bool = False,
    paused: bool | None = None,
    by: str | Operator | None = None,
) -> None:
    """Set what a queue allows, for all processes, until `from_code` says that the code's word holds again; or
    pause it. "none": any number. On record with who did it. Raises UsageError for what cannot be."""
    check_name(name)
    if from_code and (concurrency is not None or rate is not None):
        raise UsageError("--from-code leaves no limit to set", fix=f"podium queues set {name} --from-code")
    if concurrency is None and rate is None and not from_code and paused is None:
        raise UsageError(
            f"nothing is said that queue {name!r} should allow",
            fix=f"podium queues set {name} --concurrency 3",
        )
    there = next((row for row in app.store.queues() if row.name == name), QueueRow(name))
    limits = None
    if concurrency is not None or rate is not None:
        limits = QueueLimits(_count(concurrency, there), _rate(rate, there))
    at, who = app.env.now(), by if isinstance(by, operators.Operator) else operators.operator(by)
    change = QueueChange(name, at, limits=limits, from_code=from_code, paused=paused, by=who.name)
    said = " ".join(
        f"{key}={value}" for key, value in (("concurrency", concurrency), ("rate", rate)) if value
    )
    verb = "set queue" if paused is None else "pause queue" if paused else "resume queue"
    acts = tuple(
        msgspec.structs.replace(act, run="")
        for act in who.acts(verb, name, at, "from code" if from_code else said)
    )
    app.store.commit(None, [Write(queues=(change,), acts=acts)])


def _count(given: str | None, there: QueueRow) -> int | None:
    if given is None:
        return there.limits.concurrency
    if given == "none":
        return None
    is_short = given.isascii() and given.isdigit() and len(given) <= len(str(CONCURRENCY_MAX))
    if not is_short or not 1 <= int(given) <= CONCURRENCY_MAX:
        raise UsageError(
            f"concurrency {given[:40]!r}: a whole number from 1 to {CONCURRENCY_MAX:,} is needed",
            fix='or "none"',
        )
    return int(given)


def _rate(given: str | None, there: QueueRow) -> str:
    if given is None or given == "none":
        return there.limits.rate if given is None else ""
    check_rate("queue", given)
    return given
