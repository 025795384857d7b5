"""How full queues are; their limits set, a queue paused and let go on."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ...client import Operator, change_queue
from ...errors import RunNotFound
from ...inspect import QueueShape, queue_shapes
from ..access import Caller
from ..service import Service
from .steering import Nothing


class QueuesPage(msgspec.Struct, frozen=True, kw_only=True):
    """All queues, by name."""

    items: list[QueueShape]
    next: None = None
    version: int = 1


class QueueLimitsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`concurrency`: a number, or "none"; `rate`: "100/m", or "none"; what is left out stays as it is.
    `from_code`: what code declares holds again."""

    concurrency: Annotated[int, Meta(ge=1)] | str | None = None
    rate: str | None = None
    from_code: bool = False


def listed(service: Service) -> QueuesPage:
    """The queues that are declared, set or in use."""
    return QueuesPage(items=queue_shapes(service.app))


def limit(service: Service, name: str, body: QueueLimitsBody, caller: Caller) -> QueueShape:
    """Set what a queue allows, until code's word is asked for again."""
    _there(service, name)
    concurrency = None if body.concurrency is None else str(body.concurrency)
    change_queue(
        service.app, name, concurrency=concurrency, rate=body.rate, from_code=body.from_code, by=_who(caller)
    )
    return _there(service, name)


def pause(service: Service, name: str, body: Nothing, caller: Caller) -> QueueShape:
    """Let nothing more begin in a queue, or go on."""
    _there(service, name)
    change_queue(service.app, name, paused=True, by=_who(caller))
    return _there(service, name)


def resume(service: Service, name: str, body: Nothing, caller: Caller) -> QueueShape:
    """Let it go on."""
    _there(service, name)
    change_queue(service.app, name, paused=False, by=_who(caller))
    return _there(service, name)


def _there(service: Service, name: str) -> QueueShape:
    found = queue_shapes(service.app, [name])
    if not found:
        raise RunNotFound(f"no queue is named {name!r}", fix="GET /api/queues  lists them")
    return found[0]


def _who(caller: Caller) -> Operator:
    return Operator(caller.name, is_recorded=True)
