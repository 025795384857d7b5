"""A second module with a task of the same name as one in `flows`."""

from __future__ import annotations

from podium import task


@task
def step(n: int) -> int:
    return n * 10
