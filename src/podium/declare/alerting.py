"""The built-in workflow that every alert is a run of: send it, be quiet for an hour, tell what came since.

Declared like that of schedules, without the reading of its source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from .. import late
from ..executors import current_attempt
from ..functions import Function, registry
from ..machine import current_machine
from ..model import ALERT
from ..retry import Retry
from .callables import Task, Workflow

if TYPE_CHECKING:
    from ..client import alerts
else:
    alerts = late.module(globals(), "..client.alerts")


VERSION = "1"  # of the body, as that of schedules

QUIET_SECONDS = 3600.0  # between two notices of one fingerprint
# A sink that is broken over a long weekend still gets it: about five days of tries.
_TRIES = Retry(times=500, wait=5.0, factor=2.0, max_wait=900.0)


def _deliver(channel: str, about: dict[str, Any]) -> None:
    """Send one notice to one channel."""
    attempt = current_attempt.get()
    assert attempt is not None
    alerts.deliver(attempt.run, about, channel, attempt.idempotency_key)


def _count(about: dict[str, Any], since: float) -> list[Any]:
    """How many more there were since, the newest of them, what it says; what the next count needs."""
    attempt = current_attempt.get()
    assert attempt is not None
    return alerts.count_since(attempt.run, about, since)


async def _alert(about: dict[str, Any]) -> None:
    """One notice to each channel, and an hour in which this run's name keeps others away."""
    sent: list[Coroutine[Any, Any, Any]] = [_start(to, about) for to in about["to"]]
    outcomes = await asyncio.gather(asyncio.sleep(QUIET_SECONDS), *sent, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    # `told` is missing in a count that is on record from before there was one.
    more, run, said, since, *told = await count_more.start(about, about["since"])
    if not more:
        return None
    machine: Any = current_machine()
    about = {**about, "more": more, "run": run, "said": said, "since": since}
    return machine.again(_WORKFLOW, ({**about, "told": told[0] if told else []},), {})


async def _start(channel: str, about: dict[str, Any]) -> None:
    await send_notice.start(channel, about)


_DELIVER = Function(
    "podium:deliver", _deliver, is_workflow=False, is_async=False, retry=_TRIES, timeout=120.0
)
_COUNT = Function("podium:count_more", _count, is_workflow=False, is_async=False, retry=Retry(times=5))
_WORKFLOW = Function(ALERT, _alert, is_workflow=True, is_async=True, fingerprint=f"{ALERT} {VERSION}")
for _each in (_DELIVER, _COUNT, _WORKFLOW):
    registry.add(_each)
send_notice: Task[[str, dict[str, Any]], None, None] = Task(_DELIVER)
count_more: Task[[dict[str, Any], float], list[Any], list[Any]] = Task(_COUNT)
alert_workflow: Workflow[[dict[str, Any]], Any, None] = Workflow(_WORKFLOW)
