"""Which machine this thread is turning, if any: the meaning of "inside a workflow".

A plain per-thread pointer, set around a turn and cleared after it. A context variable would be inherited
by every task body, thread and callback that a workflow leads to; they must all see "outside".
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machine import Machine


class _Turning(threading.local):
    machine: Machine | None = None


turning = _Turning()


def current_machine() -> Machine | None:
    """The machine whose turn this thread is in, or None outside of workflow bodies."""
    return turning.machine
