"""python -m podium.executors.cluster_driver KIND DESCRIPTOR TOPIC [ADDRESS]: a cluster's client, in a process
of its own.

The client's libraries, their threads and their crashes stay out of the engine's process: should they die, the
attempts under way are lost and begin again, and the engine goes on. Without an address the cluster is made
here, from children of this process. It leaves when the engine hangs up or is gone.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from ..env import RealEnv
from .cluster_wire import Down, Link, Loss, Losses, Notes, Refusals, Replies, Send, ToDriver, Up

SWEEP_SECONDS, SWEEP_SECONDS_MAX = 0.003, 0.05  # between two looks at what is under way
SLACK = 0.05  # of the time since the last outcome: so much longer may the next look wait
# Of many under way some always end: who looked at once would fetch them by ones, which costs both sides more
# than the bodies. So long longer may the next look wait, for each that is under way.
SLACK_EACH = 0.00005
IN_FLIGHT_MAX = 2000  # attempts that the cluster has; more wait here
TOGETHER = IN_FLIGHT_MAX // 4  # so many go to the cluster at once, where so many wait
LEAVE_SECONDS = 10.0  # that the cluster may take to let go


class ClusterGone(Exception):
    """The cluster cannot be reached, or not any more."""


class Sweep:
    """What one look has found, by key."""

    def __init__(self) -> None:
        self.replies: list[tuple[str, bytes]] = []
        self.losses: list[Loss] = []
        self.refusals: list[tuple[str, str]] = []

    @property
    def keys(self) -> list[str]:
        """The attempts that are under way no more."""
        found = [key for key, _ in (*self.replies, *self.refusals)]
        return found + [loss.key for loss in self.losses]


class Backend(Protocol):
    """The client of one kind of cluster. It is made with an address or "", and the topic of notes, and raises
    ClusterGone everywhere."""

    address: str
    workers: int
    warning: str

    def send(self, works: Sequence[tuple[str, bytes]]) -> Mapping[str, Any]:
        """Submit these together; a handle for each key."""
        ...

    def sweep(self, under_way: Mapping[str, Any]) -> Sweep:
        """What has ended of these, without waiting; let go of it."""
        ...

    def take_notes(self) -> list[bytes]:
        """What bodies have said since the last call."""
        ...

    def drop(self, handles: Mapping[str, Any]) -> None:
        """Cancel these as far as the cluster can."""
        ...

    def close(self) -> None:
        """Leave the cluster; end one that was made here."""
        ...


BACKENDS = {
    "dask": ("podium.executors.dask", "DaskBackend"),
    "ray": ("podium.executors.ray", "RayBackend"),
}


class Driver:
    """Serves one engine until it hangs up or the cluster is gone."""

    def __init__(self, link: Link, backend: Backend) -> None:
        self._link, self._backend = link, backend
        self._now: Callable[[], float] = RealEnv().monotonic
        self._orders: queue.SimpleQueue[ToDriver | None] = queue.SimpleQueue()
        self._line: dict[str, bytes] = {}
        self._under_way: dict[str, Any] = {}
        self._pause = SWEEP_SECONDS
        self._last = self._now()

    def serve(self) -> None:
        """Returns when the engine hangs up. Raises ClusterGone."""
        RealEnv().spawn(self._listen, name="podium-orders")
        while self._take_orders():
            self._submit()
            self._look()

    def _listen(self) -> None:
        while (order := self._link.receive_order()) is not None:
            self._orders.put(order)
        self._orders.put(None)

    def _take_orders(self) -> bool:
        is_busy = bool(self._line or self._under_way)
        try:
            order = self._orders.get(timeout=self._pause if is_busy else None)
            while True:
                if order is None:
                    return False
                self._obey(order)
                order = self._orders.get_nowait()
        except queue.Empty:
            return True

    def _obey(self, order: ToDriver) -> None:
        if isinstance(order, Send):
            self._line.update(order.works)
            self._last = self._now()
            return
        for key in order.keys:
            self._line.pop(key, None)
        handles = {key: self._under_way.pop(key) for key in order.keys if key in self._under_way}
        if handles:
            self._backend.drop(handles)

    def _submit(self) -> None:
        room = IN_FLIGHT_MAX - len(self._under_way)
        if room < min(len(self._line), TOGETHER):
            return
        batch = [(key, self._line.pop(key)) for key in list(self._line)[:room]]
        if batch:
            self._under_way.update(self._backend.send(batch))

    def _look(self) -> None:
        if not self._under_way:
            return
        found = self._backend.sweep(self._under_way)
        if notes := self._backend.take_notes():  # before the ends of those who said them
            self._link.send(Notes(notes))
        for key in found.keys:
            del self._under_way[key]
        if found.replies:
            self._link.send(Replies(found.replies))
        if found.losses:
            self._link.send(Losses(found.losses))
        if found.refusals:
            self._link.send(Refusals(found.refusals))
        now = self._now()
        if found.keys:
            self._last = now
        slack = max((now - self._last) * SLACK, len(self._under_way) * SLACK_EACH)
        self._pause = min(SWEEP_SECONDS_MAX, max(SWEEP_SECONDS, slack))


def main() -> None:
    """Serve the engine at the other end of the descriptor."""
    kind, descriptor, topic, *address = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    link = Link(socket.socket(fileno=int(descriptor)))
    backend: Backend | None = None
    module, name = BACKENDS[kind]
    try:
        backend = getattr(import_module(module), name)("".join(address), topic)
        assert backend is not None
        link.send(Up(backend.address, backend.workers, backend.warning))
        Driver(link, backend).serve()
    except OSError:
        pass  # the engine is gone
    except Exception as error:
        _say(link, error)
    finally:
        _leave(link, backend)


def _say(link: Link, error: Exception) -> None:
    why = str(error) if isinstance(error, ClusterGone) else f"{type(error).__name__}: {error}"
    try:
        link.send(Down(why))
    except OSError:
        pass  # the engine is gone, too


def _leave(link: Link, backend: Backend | None) -> None:
    link.hang_up()
    RealEnv().spawn(_end_late, name="podium-leave")
    try:
        if backend is not None:
            backend.close()
    finally:
        os._exit(0)  # threads of the client may be stuck in a connection


def _end_late() -> None:
    threading.Event().wait(LEAVE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
