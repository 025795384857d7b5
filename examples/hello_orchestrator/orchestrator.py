"""The orchestrator: hands tasks out and takes results in, as they come.

With `from concurrent.futures import ThreadPoolExecutor as Executor` it is the plain program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import as_completed

from podium import Executor

from .worker import work


def orchestrate(
    tasks: Iterable[int],
    seconds: float = 1.0,
    workers: int | None = None,
    show: Callable[[str], None] = print,
) -> list[str]:
    """Do all tasks at once; their results, in the order in which they came."""
    results: list[str] = []
    with Executor(max_workers=workers) as executor:
        pending = [executor.submit(work, task, seconds) for task in tasks]
        for future in as_completed(pending):
            show(future.result())
            results.append(future.result())
    return results
