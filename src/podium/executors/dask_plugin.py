"""What Dask's scheduler is told of our tasks. Imported by the scheduler, so Podium is installed there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

PREFIX = "podium-"  # of the keys of our tasks
_Plugin: Any = import_module("distributed").SchedulerPlugin


class OnceEach(_Plugin):
    """A task of ours is begun once. Dask would begin it again, up to allowed-failures times, after its worker
    has died under it, and when the worker that keeps its result dies before that is fetched."""

    name = "podium-once-each"

    async def start(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        if isinstance(key, str) and key.startswith(PREFIX):
            if finish == "processing":
                self._scheduler.tasks[key].suspicious = self._scheduler.allowed_failures
            elif finish == "memory":
                self._scheduler.tasks[key].run_spec = None  # as of data that nobody can make again
