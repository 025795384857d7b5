"""The process with a cluster's client, as the engine sees it."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys

from .cluster_wire import Link

LEAVE_SECONDS = 12.0  # that the driver may take to end
MODULE = "podium.executors.cluster_driver"


class DriverProcess:
    """The process with the cluster's client, and our end of the link to it."""

    def __init__(self, kind: str, topic: str, address: str) -> None:
        self.is_local = not address
        self.arrived: queue.SimpleQueue[str] = queue.SimpleQueue()  # "" when it is there, else why it is not
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(filter(None, sys.path))  # a local cluster finds what this process finds
        words = [sys.executable, "-m", MODULE, kind, str(theirs.fileno()), topic]
        try:
            self._process = subprocess.Popen(
                [*words, *([address] if address else [])],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),), start_new_session=True, env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.link = Link(ours)

    def end(self) -> None:
        """Hang up and see it out."""
        self.link.hang_up()
        try:
            self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
