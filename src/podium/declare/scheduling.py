"""The built-in workflow that every schedule is a run of: sleep, start what is due, begin anew.

Declared without the reading of its source that users' workflows get: that would read all of Podium.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import late
from ..executors import current_attempt
from ..functions import Function, registry
from ..machine import current_machine
from ..model import SCHEDULE, SCHEDULE_TASK
from .callables import Task, Workflow

if TYPE_CHECKING:
    from ..client import schedules
else:
    schedules = late.module(globals(), "..client.schedules")


VERSION = "1"  # of the body: where it decides otherwise, runs of the former one are replayed as a trial


def _start_due(plan: dict[str, Any], standing: dict[str, Any]) -> dict[str, Any]:
    """Start the runs that are due; how the schedule stands then."""
    attempt = current_attempt.get()
    assert attempt is not None
    return schedules.start_due(attempt.run, plan, standing)


async def _schedule(plan: dict[str, Any], standing: dict[str, Any]) -> None:
    """One look at a schedule; the next one is another generation, due at the next instant."""
    standing = await start_what_is_due.start(plan, standing)
    machine: Any = current_machine()
    return machine.again(_WORKFLOW, (plan, standing), {}, due=standing["due"])


_TASK = Function(SCHEDULE_TASK, _start_due, is_workflow=False, is_async=False)
_WORKFLOW = Function(
    SCHEDULE, _schedule, is_workflow=True, is_async=True, fingerprint=f"{SCHEDULE} {VERSION}"
)
registry.add(_TASK)
registry.add(_WORKFLOW)
start_what_is_due: Task[[dict[str, Any], dict[str, Any]], dict[str, Any], dict[str, Any]] = Task(_TASK)
schedule: Workflow[[dict[str, Any], dict[str, Any]], Any, None] = Workflow(_WORKFLOW)
