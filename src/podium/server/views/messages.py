"""What goes to a run from outside: signals, and what completes a callback."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ...client import completed_before, completing, send
from ...errors import UsageError
from ..access import Caller
from ..service import Service, committed


class SendBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signal's name and value. `id`: the same one again is the same signal."""

    name: Annotated[str, Meta(min_length=1)]
    value: Any = None
    id: str | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The run that has it in its inbox."""

    run: str
    version: int = 1


class CompleteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the body gets, or the text of the error that its wait raises."""

    value: Any = None
    error: str | None = None


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """The callback that is answered, and who is on record for it."""

    callback: str
    by: str
    version: int = 1


def signal(service: Service, run: str, body: SendBody) -> Sent:
    """Send a signal to a run: it is in its inbox when this is answered."""
    row = service.app.load(run)
    committed(send(service.app, row.id, body.name, body.value, body.id))
    return Sent(run=row.id)


def complete(service: Service, callback: str, body: CompleteBody, caller: Caller) -> Completed:
    """Complete a callback: checked by its schema; the first answer counts (409 for another)."""
    if body.error is not None and body.value is not None:
        raise UsageError("a value or an error, not both", fix="leave one out")
    before = completed_before(service.app, callback)
    committed(completing(service.app, callback, body.value, body.error, caller.name))
    return Completed(callback=callback, by=caller.name if before is None else before)
