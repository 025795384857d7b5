"""The executors of one engine in a process, by the name that a task gives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from ..depot import Depot
from ..env import Env
from ..executors import (
    AttemptRunner,
    Executor,
    ExecutorFactory,
    LoopExecutor,
    ProcessExecutor,
    Resources,
    ThreadExecutor,
)
from ..options import Options
from .linger import Linger
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
        depot: Depot,
    ) -> None:
        self._env, self._loop, self._ended = env, loop, residents.ended
        self._abandoned_max = options.abandoned_max
        self.on_loop = LoopExecutor(loop, residents.ended_here, residents.ended_now, options.loop_slots)
        self.threads = ThreadExecutor(
            env, loop, residents.ended, options.thread_slots, options.abandoned_max, self._warn_exhausted
        )
        self.processes = ProcessExecutor(
            env,
            residents.ended,
            output.printed,
            output.logged,
            failed,
            options.process_slots,
            store_url,
            depot,
        )
        residents.linger = Linger(env, self._has_one_plain_body)
        self.by_name: dict[str, AttemptRunner] = {  # as `@task(executor=...)` says
            "loop": self.on_loop, "threads": self.threads, "processes": self.processes
        }  # fmt: skip
        self._given: list[Executor] = []
        self.resources = Resources(loop, env)

    def add(self, factories: Mapping[str, ExecutorFactory]) -> None:
        """Make those that the app was given. Raises what a factory raises."""
        for name, factory in factories.items():
            executor = factory(self._env, self._loop, self._ended)
            self._given.append(executor)
            self.by_name[name] = executor

    def _has_one_plain_body(self) -> bool:
        return self.threads.open == 1 and self.on_loop.is_idle

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
        """End threads and processes; what does not end is left. A given one that fails to is told of."""
        for executor in self._given:
            try:
                executor.close()
            except Exception:  # the user's: the others are closed all the same
                log.exception("an executor of the app could not be closed")
        self.threads.close()
        self.resources.close_sync()
        self.processes.close()

    def forget(self) -> None:
        """In a forked child: the processes are the parent's."""
        self.processes.forget()
