"""How a function becomes a task or a workflow, and the verbs it then has."""

from .. import alert
from .alerting import alert_workflow
from .callables import Durable, Task, Workflow
from .commands import shell
from .decorators import on_failure, task, workflow
from .measuring import measure
from .resources import resource
from .scheduling import schedule
from .streams import emit, publish
from .this import this
from .verbs import (
    attempt,
    fencing_token,
    idempotency_key,
    last_progress,
    now,
    progress,
    random,
    scheduled_for,
    sleep,
    uuid4,
)
from .waits import ask, callback, receive

__all__ = [
    "alert",
    "alert_workflow",
    "Durable",
    "Task",
    "Workflow",
    "ask",
    "attempt",
    "callback",
    "emit",
    "fencing_token",
    "idempotency_key",
    "last_progress",
    "measure",
    "now",
    "on_failure",
    "progress",
    "publish",
    "random",
    "receive",
    "resource",
    "schedule",
    "scheduled_for",
    "shell",
    "sleep",
    "task",
    "this",
    "uuid4",
    "workflow",
]
