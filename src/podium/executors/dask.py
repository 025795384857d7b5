"""Dask, as the cluster driver uses it: submits attempts in batches and sweeps up what has ended."""

from __future__ import annotations

import contextlib
import os
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from .cluster_body import on_dask
from .cluster_driver import ClusterGone, Sweep
from .cluster_wire import Loss
from .dask_plugin import PREFIX, OnceEach

CONNECT_SECONDS = 10.0


class DaskBackend:
    """A client of a scheduler; without an address, of a cluster on this host with a worker for each core."""

    def __init__(self, address: str, topic: str) -> None:
        self._distributed: Any = import_module("distributed")
        dask: Any = import_module("dask")
        dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS:g}s"})
        self._local: Any = None
        if not address:
            self._local = self._distributed.LocalCluster(
                n_workers=os.cpu_count() or 1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
            )
        try:
            self._client: Any = self._distributed.Client(
                self._local or address, timeout=CONNECT_SECONDS, set_as_default=False
            )
            self.address = str(self._client.scheduler.address)
            self.workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
        except Exception as error:
            self.close()
            raise ClusterGone(f"{type(error).__name__}: {error}") from error
        # Another one after the client has connected again: to a scheduler that knows neither our plugin nor
        # our topic, nor what was under way.
        self._connection: Any = self._client.scheduler_comm
        self._notes: deque[bytes] = deque()
        self._client.subscribe_topic(topic, self._noted)
        self._dying: dict[str, str] = {}  # by key: the worker that died under it, seen at the last sweep
        self.warning = self._register()

    def _register(self) -> str:
        try:
            self._client.register_plugin(OnceEach())
        except Exception as error:
            return (
                f"the scheduler takes no plugin ({type(error).__name__}: {error}), so a task that kills its "
                "worker is made again by Dask itself, as often as its allowed-failures say"
            )
        return ""

    def _noted(self, event: tuple[float, bytes]) -> None:
        self._notes.append(event[1])

    def send(self, works: Sequence[tuple[str, bytes]]) -> Mapping[str, Any]:
        """Submit these as one graph."""
        self._check()
        keys = [f"{PREFIX}{key}" for key, _ in works]
        futures = self._client.map(on_dask, [work for _, work in works], key=keys, pure=False, retries=0)
        return {key: future for (key, _), future in zip(works, futures, strict=True)}

    def sweep(self, under_way: Mapping[str, Any]) -> Sweep:
        """What has ended."""
        found = Sweep()
        self._check()
        done: dict[str, Any] = {}
        dying: dict[str, str] = {}
        for key, future in under_way.items():
            status = future.status
            if status == "finished":
                done[key] = future
            elif status == "error":
                self._failed(key, future, found, dying)
            elif status != "pending":  # "cancelled", "lost": not by us, so its scheduler is another one
                found.losses.append(Loss(key, f"{self.address} has forgotten it"))
        self._tell_deaths(found, dying)
        if done:
            self._gather(done, found)
        return found

    def _check(self) -> None:
        if self._client.scheduler_comm is not self._connection:
            raise ClusterGone(f"the connection to {self.address} was lost")

    def _failed(self, key: str, future: Any, found: Sweep, dying: dict[str, str]) -> None:
        error = future.exception()
        if type(error).__name__ == "KilledWorker":
            dying[key] = str(error.last_worker.address)
        else:  # bodies raise nothing, so it is the worker that lacks something
            found.refusals.append((key, f"{type(error).__name__}: {error}"))

    def _tell_deaths(self, found: Sweep, dying: dict[str, str]) -> None:
        """One look later, when all that died with a worker is known."""
        if dying.keys() > self._dying.keys():
            self._dying = dying
            return
        company = Counter(dying.values())
        for key, where in dying.items():
            found.losses.append(Loss(key, f"{where} died", is_death=True, is_alone=company[where] == 1))
        self._dying = {}

    def _gather(self, done: Mapping[str, Any], found: Sweep) -> None:
        try:
            replies: Mapping[str, bytes] = self._client.gather(done, errors="raise")
        except Exception:  # a worker died with some of them: one by one, to know which
            replies = {}
            for key, future in done.items():
                try:
                    replies[key] = self._client.gather(future)
                except Exception as error:
                    found.losses.append(Loss(key, f"its result is lost: {type(error).__name__}"))
        for key, reply in replies.items():
            done[key].release()
            found.replies.append((key, reply))

    def take_notes(self) -> list[bytes]:
        """What bodies have said."""
        return [self._notes.popleft() for _ in range(len(self._notes))]

    def drop(self, handles: Mapping[str, Any]) -> None:
        """Those that wait are gone; a body that runs goes on in its thread, and nobody hears of it."""
        self._client.cancel(list(handles.values()))

    def close(self) -> None:
        """Leave; end the local cluster."""
        for each in (getattr(self, "_client", None), self._local):
            if each is not None:
                with contextlib.suppress(Exception):
                    each.close(timeout=2)
