"""The executors of one engine in a process, by the name that a task gives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..env import Env
from ..executors import LoopExecutor, ProcessExecutor, ThreadExecutor
from .executor import Executor
from .options import Options
from .residents import Residents
from .task_output import TaskOutput

log = logging.getLogger("podium")


class TaskExecutors:
    """Made with the engine, closed after its loop has ended. `failed` is told what breaks an executor."""

    def __init__(
        self,
        env: Env,
        loop: asyncio.AbstractEventLoop,
        residents: Residents,
        options: Options,
        output: TaskOutput,
        failed: Callable[[BaseException], None],
        store_url: str,
    ) -> None:
        self._abandoned_max = options.abandoned_max
        self.on_loop = LoopExecutor(loop, residents.ended_here, residents.ended_now, options.loop_slots)
        self.threads = ThreadExecutor(
            env, loop, residents.ended, options.thread_slots, options.abandoned_max, self._warn_exhausted
        )
        self.processes = ProcessExecutor(
            env, residents.ended, output.printed, output.logged, failed, options.process_slots, store_url
        )

    @property
    def by_name(self) -> dict[str, Executor]:
        """As `@task(executor=...)` says."""
        return {"loop": self.on_loop, "threads": self.threads, "processes": self.processes}

    @property
    def is_exhausted(self) -> bool:
        """Whether so many threads are lost to tasks that cannot be stopped that this process should go."""
        return self.threads.abandoned >= self._abandoned_max

    def _warn_exhausted(self) -> None:
        log.warning(
            "%d threads are lost to tasks that overran their timeout or were cancelled, and cannot be "
            'stopped; give such tasks @task(isolation="process")',
            self.threads.abandoned,
        )

    def close(self) -> None:
        """End threads and processes; what does not end is left."""
        self.threads.close()
        self.processes.close()

    def forget(self) -> None:
        """In a forked child: the processes are the parent's."""
        self.processes.forget()
