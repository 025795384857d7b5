"""The worker: does one task, and knows nothing of who asked for it."""

from __future__ import annotations

import time


def work(task_id: int, seconds: float = 1.0) -> str:
    """Do a task, which takes so many seconds."""
    print(f"working on {task_id}", flush=True)
    time.sleep(seconds)
    return f"Task {task_id} completed"
