"""Which machine this thread is turning, if any: the meaning of "inside a workflow".

A plain per-thread pointer, set around a turn and cleared after it. A context variable would be inherited
by every task body, thread and callback that a workflow leads to; they must all see "outside".
"""

from __future__ import annotations

import threading

from .parts import RunMachine


class _Turning(threading.local):
    machine: RunMachine | None = None


turning = _Turning()
