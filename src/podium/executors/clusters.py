"""Executors on a cluster, by their address: for `App(executors=...)`, and for the environment."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..env import Env
from ..errors import UsageError
from .attempt import Ended
from .protocol import Executor, ExecutorFactory, Reactor

if TYPE_CHECKING:  # loaded where an engine runs
    from . import cluster

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


def _cluster(kind: str, address: str) -> ExecutorFactory:
    def make(env: Env, reactor: Reactor, ended: Callable[[Ended], None]) -> Executor:
        made: type[cluster.ClusterExecutor] = import_module(".cluster", __package__).ClusterExecutor
        return made(env, reactor, ended, kind, address)

    return make
