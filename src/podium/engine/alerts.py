"""Alerts: runs of a built-in workflow that tell people of other runs.

One is started in the very Write that ends or parks the run it tells of, or that asks a person. Its name is
unique while it lives, which is an hour at least: so of one fingerprint there is one in an hour at most, and
what comes meanwhile it tells of when that is over.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .. import codec
from ..alert import Alert, Kind
from ..errors import DecodeError
from ..model import ALERT, Head, Move, NewRun, State, read_reason
from .context import Context

SAID_MAX = 500  # characters
# What ends in the same moment has an earlier time, yet finds the name of the alert taken. In the hour before
# there was nothing of the sort, or the alert before would live: so a minute of it can be counted safely.
SLACK_SECONDS = 60.0


class About(msgspec.Struct, frozen=True):
    """What an alert tells of: the argument of its run."""

    kind: Kind  # what people look for comes first: a shortened view of the run shows that
    function: str
    said: str
    run: str  # that it tells of first; "" where there is none
    at: float
    fingerprint: str  # what counts as the same
    to: tuple[str, ...]  # channels, as `Alert.references` has them
    project: str = ""
    more: int = 0  # others of the same fingerprint that it tells of
    since: float = 0.0  # what came later, is not `run`, and was not told, is told when the hour is over
    told: tuple[tuple[str, float], ...] = ()  # runs that were, of those after `since`, each with its time

    def new_run(self, id: str, now: float, owned: bool = False) -> NewRun:
        """The run that tells it. `owned`: by the engine that writes it."""
        about = msgspec.structs.replace(self, since=with_slack(self.at))
        args, digest = codec.encode_call({"about": msgspec.to_builtins(about)}, where="alert")
        name = name_of_alert(self.project, self.fingerprint)
        return NewRun(id, ALERT, args, digest, now, owned, unique_name=name)


def name_of_alert(project: str, fingerprint: str) -> str:
    """The unique name of an alert's run: the store refuses a second one while it lives."""
    return f"alert {project} {fingerprint}"


def with_slack(at: float) -> float:
    """From when on to look for what is on record after what happened at that time."""
    return at - SLACK_SECONDS


def channels(alerts: Sequence[Alert], kind: Kind) -> tuple[str, ...]:
    """Where to tell of that; () to nobody."""
    return tuple(dict.fromkeys(to for each in alerts if each.kind == kind for to in each.references))


def alerts_of_end(context: Context, head: Head, move: Move, has_room: bool = False) -> tuple[NewRun, ...]:
    """What is to be started in the Write of a move by which a run leaves memory.

    `has_room`: this engine can drive it at once, so that even a script that ends by its failure tells of it.
    """
    if move.state not in (State.FAILED, State.PARKED) or not (to := _channels(context, head, "failed")):
        return ()
    if move.state is State.PARKED and read_reason(move.payload).is_asked_for:
        return ()
    sort, said = how_it_ended(move.state, move.payload)
    return _told(context, head, "failed", sort, said, to, has_room)


def alerts_of_question(context: Context, head: Head, step: str, prompt: str) -> tuple[NewRun, ...]:
    """Likewise of the Write that asks a person."""
    if not (to := _channels(context, head, "waiting")):
        return ()
    return _told(context, head, "waiting", step.partition("#")[0], prompt[:SAID_MAX], to)


def _channels(context: Context, head: Head, kind: Kind) -> tuple[str, ...]:
    function = context.functions.get(head.function)
    return () if function is None or not function.alerts else channels(function.alerts, kind)


def _told(
    context: Context,
    head: Head,
    kind: Kind,
    sort: str,
    said: str,
    to: tuple[str, ...],
    has_room: bool = False,
) -> tuple[NewRun, ...]:
    now = context.env.now()
    alike = fingerprint(head.function, kind, sort)
    about = About(kind, head.function, said, head.id, now, alike, to, head.project)
    owned = has_room and context.lifecycle.is_open and ALERT in context.functions
    return (about.new_run(context.env.new_id(), now, owned),)


def fingerprint(function: str, kind: Kind, sort: str) -> str:
    """What counts as the same alert."""
    return f"{function} {kind} {sort}"


def how_it_ended(state: State, payload: bytes) -> tuple[str, str]:
    """The sort of a failure or of a park, and what it says in a line."""
    if state is State.PARKED:
        reason = read_reason(payload)
        return reason.code, f"{reason.code}: {reason.what}"[:SAID_MAX]
    try:
        failure = codec.describe_failure(payload)
    except DecodeError:
        return "", ""
    return failure.type, failure.in_a_line()[:SAID_MAX]
