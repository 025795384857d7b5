"""What is done to runs: one by its id, or all that match a query."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ...client import NO_VALUE, Cancelled, Found, Operator, Settlement
from ...errors import WrongState
from ..access import Caller
from ..http import Refused
from ..service import Service, committed
from .items import RunItem, items

_EXAMPLES = 3

Verb = Literal["cancel", "retry", "resume", "terminate", "pause"]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class Steered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. `id`: of the run, of a retry the new one; `outcome`: ended, asked or in line."""

    id: str
    of: str
    outcome: str
    state: str
    version: int = 1


class SettleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a step: exactly one of the three. `happened`: its result; `failed`: the text of a
    RuntimeError."""

    step: str
    happened: Any = msgspec.UNSET
    again: bool = False
    failed: str | None = None


class ForkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`at`: the step before whose outcome the copy ends, by name, identity, or the number of its entry;
    `value`: what it has come to instead, where that is given."""

    at: str | int
    value: Any | msgspec.UnsetType = msgspec.UNSET


class BulkQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A verb and a query, to see what they would do."""

    verb: Verb
    q: str = ""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs a verb would do something to, three of them, and the command that does the same."""

    count: int
    examples: list[RunItem]
    command: str
    version: int = 1


class BulkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`count` is what the preview showed: where there are more by now, nothing is done."""

    q: str
    count: int


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """How many it was done to."""

    done: int
    version: int = 1


def cancel(service: Service, run: str, body: Nothing, caller: Caller) -> Steered:
    """Ask a run to stop; one whose body has not begun, or that is parked, ends at once."""
    outcome = committed(service.app.cancel(run, _who(caller)))
    if outcome is Cancelled.TOO_LATE:
        raise WrongState(f"run {run} has ended: {service.app.load(run).state}", fix=f"podium show {run}")
    return _steered(service, run, outcome.value)


def terminate(service: Service, run: str, body: Nothing, caller: Caller) -> Steered:
    """End a run that nobody drives, at once; its body does not run."""
    committed(service.app.terminate(run, _who(caller)))
    return _steered(service, run, "ended")


def pause(service: Service, run: str, body: Nothing, caller: Caller) -> Steered:
    """Have a run wait until it is resumed; what of it has begun ends before."""
    committed(service.app.decisions.pause(run, _who(caller)))
    return _steered(service, run, "asked")


def resume(service: Service, run: str, body: Nothing, caller: Caller) -> Steered:
    """Put a parked run back in line."""
    committed(service.app.resume(run, _who(caller)))
    return _steered(service, run, "in line")


def settle(service: Service, run: str, body: SettleBody, caller: Caller) -> Steered:
    """Say what became of a step over which a run is parked; it then goes on."""
    happened = ... if body.happened is msgspec.UNSET else body.happened
    failed = None if body.failed is None else RuntimeError(body.failed)
    how = Settlement.of(happened, body.again, failed)
    committed(service.app.decisions.settle(run, body.step, how, _who(caller)))
    return _steered(service, run, "in line")


def retry(service: Service, run: str, body: Nothing, caller: Caller) -> Steered:
    """A new run from the record of a failed one: it goes on at the step that failed."""
    new = committed(service.app.retry(run, _who(caller)).id)
    return msgspec.structs.replace(_steered(service, new, "in line"), of=run)


def fork(service: Service, run: str, body: ForkBody, caller: Caller) -> Steered:
    """A copy of a run that ends before the outcome of a step, or with another value in its place."""
    value = NO_VALUE if body.value is msgspec.UNSET else body.value
    new = committed(service.app.fork(run, body.at, value, _who(caller)).id)
    return msgspec.structs.replace(_steered(service, new, "in line"), of=run)


def preview(service: Service, query: BulkQuery) -> Preview:
    """What a verb would do to all that match."""
    rows = Found(service.app, query.q).meant(query.verb)
    return Preview(
        count=len(rows),
        examples=items(service.app, rows[:_EXAMPLES]),
        command=f"podium {query.verb} {query.q}".rstrip(),
    )


def bulk(service: Service, verb: str, body: BulkBody, caller: Caller) -> Bulk:
    """Do it to all that match and can be acted upon, if they are not more than were shown."""
    if verb not in ("cancel", "retry", "resume", "terminate", "pause"):
        raise Refused(404, "E100", f"there is no verb {verb}", "cancel, retry, resume, pause or terminate")
    found = Found(service.app, body.q)
    rows = found.meant(verb)
    if len(rows) > body.count:
        raise WrongState(
            f"{len(rows)} runs match by now, {body.count} were shown; nothing was done", fix="look again"
        )
    return Bulk(done=found.act(verb, rows, Operator(caller.name)))  # a row for each, beside that of the query


def _who(caller: Caller) -> Operator:
    """On record by the row of the request."""
    return Operator(caller.name, is_recorded=True)


def _steered(service: Service, run: str, outcome: str) -> Steered:
    return Steered(id=run, of=run, outcome=outcome, state=str(service.app.load(run).state))
