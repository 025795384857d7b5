"""Executors on a cluster, by their address: for `App(executors=...)`, and for the environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .. import late
from ..env import Env
from ..errors import UsageError
from .attempt import Attempt, Ended
from .protocol import Executor, ExecutorFactory, Reactor

if TYPE_CHECKING:
    from . import cluster
else:
    cluster = late.module(globals(), ".cluster")

_DASK = ("tcp", "tls", "ucx", "ws", "wss")


def dask_cluster(address: str = "") -> ExecutorFactory:
    """An executor that has its tasks made by the workers of a Dask cluster.

    address  of the scheduler: "tcp://scheduler:8786"; "": a cluster is made on this host when the first task
             comes, with a worker for each core, and ends with the engine

    Every worker, and the scheduler, needs this Podium and the modules of the tasks. Needs the extra `dask`.
    Raises UsageError for what is no address.

    Example:

    >>> app = App("runs.db", executors={"dask": dask_cluster("tcp://scheduler:8786")})
    """
    if address and (urlsplit(address).scheme not in _DASK or not urlsplit(address).netloc):
        raise UsageError(f"dask_cluster({address!r}): no address", fix='"tcp://scheduler:8786"')
    return _cluster("dask", address)


def ray_cluster(address: str = "") -> ExecutorFactory:
    """An executor that has its tasks made by the workers of a Ray cluster.

    address  as Ray has it: "auto" for the one on this host, "10.0.0.1:6379" or "ray://head:10001"; "": a
             cluster is made on this host when the first task comes, and ends with the engine

    Every worker needs this Podium and the modules of the tasks. Needs the extra `ray`.

    Example:

    >>> app = App("runs.db", executors={"ray": ray_cluster("auto")})
    """
    return _cluster("ray", address)


class _AtFirstTask:
    """Is made, and its code loaded, for its first task: every engine has these two, and few use them."""

    def __init__(self, make: Callable[[], Executor]) -> None:
        self._make = make
        self._made: Executor | None = None

    def submit(self, attempt: Attempt) -> None:
        """Raises ResourceShortage."""
        if self._made is None:
            self._made = self._make()
        self._made.submit(attempt)

    def cancel(self, attempt: Attempt) -> None:
        if self._made is not None:
            self._made.cancel(attempt)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def _cluster(kind: str, address: str) -> ExecutorFactory:
    def make(env: Env, reactor: Reactor, ended: Callable[[Ended], None]) -> Executor:
        return _AtFirstTask(lambda: cluster.ClusterExecutor(env, reactor, ended, kind, address))

    return make
