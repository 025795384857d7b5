"""Ray, as the cluster driver uses it: submits attempts, Ray's retries off, and sweeps up what has ended."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from .cluster_body import on_ray
from .cluster_driver import ClusterGone, Sweep
from .cluster_wire import Loss

# Names of Ray's exceptions, which moved between its modules: the worker, or what it ran on, has died.
DEATHS = (
    "WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "LocalRayletDiedError", "ActorDiedError",
)  # fmt: skip


class Courier:
    """The actor that takes the notes of bodies, until the driver asks for them."""

    def __init__(self) -> None:
        self._notes: list[bytes] = []

    def take(self, note: bytes) -> None:
        self._notes.append(note)

    def give(self) -> list[bytes]:
        """All since the last call."""
        notes, self._notes = self._notes, []
        return notes


class RayBackend:
    """A driver of a cluster; without an address, of one on this host with a CPU for each core."""

    def __init__(self, address: str, topic: str) -> None:
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        self._ray: Any = import_module("ray")
        self.warning = ""
        given: dict[str, Any] = {"address": address} if address else {
            "num_cpus": os.cpu_count() or 1, "include_dashboard": False, "_node_ip_address": "127.0.0.1",
        }  # fmt: skip
        try:
            # What is printed comes with the notes, to the log of its step.
            self._ray.init(namespace=topic, log_to_driver=False, logging_level=logging.CRITICAL, **given)
            self.address = str(self._ray.get_runtime_context().gcs_address)
            self.workers = int(self._ray.cluster_resources().get("CPU", 0))
            self._courier: Any = self._ray.remote(Courier).options(num_cpus=0).remote()
            self._ray.get(self._courier.give.remote(), timeout=60)
        except Exception as error:
            raise ClusterGone(f"{type(error).__name__}: {error}") from error
        self._task: Any = self._ray.remote(on_ray).options(max_retries=0, retry_exceptions=False)
        self._asked: Any = None  # the notes that the courier was asked for

    def send(self, works: Sequence[tuple[str, bytes]]) -> Mapping[str, Any]:
        """Submit these, one by one: Ray batches by itself."""
        return {key: self._task.remote(work, self._courier) for key, work in works}

    def sweep(self, under_way: Mapping[str, Any]) -> Sweep:
        """What has ended."""
        found = Sweep()
        refs = list(under_way.values())
        ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0, fetch_local=True)
        if not ready:
            return found
        done = set(ready)
        ended = {key: ref for key, ref in under_way.items() if ref in done}
        try:
            found.replies += zip(ended, self._ray.get(list(ended.values())), strict=True)
        except Exception:  # one of them has none: one by one, to know which
            for key, ref in ended.items():
                self._one(key, ref, found)
        return found

    def _one(self, key: str, ref: Any, found: Sweep) -> None:
        try:
            found.replies.append((key, self._ray.get(ref)))
        except Exception as error:
            kind = type(error).__name__
            said = str(error).strip().partition("\n")[0]
            if isinstance(error, self._ray.exceptions.RayTaskError):  # bodies raise nothing
                found.refusals.append((key, f"{kind}: {str(error).strip().rpartition(chr(10))[2]}"))
            elif kind in DEATHS:
                found.losses.append(
                    Loss(key, f"its worker died: {kind}: {said}", is_death=True, is_alone=True)
                )
            elif kind == "RuntimeEnvSetupError":
                found.refusals.append((key, said))
            else:
                found.losses.append(Loss(key, f"{kind}: {said}"))

    def take_notes(self) -> list[bytes]:
        """What bodies have said: what the courier was last asked for, where it has answered."""
        notes: list[bytes] = []
        if self._asked is not None:
            ready, _ = self._ray.wait([self._asked], timeout=0)
            if not ready:
                return notes
            try:
                notes = self._ray.get(self._asked)
            except Exception as error:
                raise ClusterGone(f"the actor that takes notes has died: {error}") from error
        self._asked = self._courier.give.remote()
        return notes

    def drop(self, handles: Mapping[str, Any]) -> None:
        """End them, together with the processes of those that run."""
        for ref in handles.values():
            with contextlib.suppress(Exception):  # it has ended in this moment
                self._ray.cancel(ref, force=True)

    def close(self) -> None:
        """Leave; end the local cluster."""
        if "ray" in sys.modules:
            with contextlib.suppress(Exception):
                self._ray.shutdown()
