"""Waking engines of other processes: an empty datagram to a loopback port.

Only a hint. It may be lost, sent by a stranger or sent for nothing; engines poll as well, and whoever is
woken looks into the store.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable

_LOOPBACK = "127.0.0.1"


class Doorbell:
    """A pair of UDP sockets: one hears others, one rings at theirs.

    `port` is where it can be rung; 0 until `listen()`, and where no port is to be had.
    """

    def __init__(self) -> None:
        self.port = 0
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._hand = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.setblocking(False)
        self._hand.setblocking(False)

    def listen(self) -> int:
        """From now on it can be rung; returns the port."""
        try:
            if not self.port:
                self._ear.bind((_LOOPBACK, 0))
                self.port = int(self._ear.getsockname()[1])
        except OSError:  # a sandbox without a network: this engine polls
            pass
        return self.port

    def ring(self, ports: Iterable[int]) -> None:
        """One datagram per port. A port nobody listens to any more is no error."""
        for port in set(ports):
            try:
                self._hand.sendto(b"", (_LOOPBACK, port))
            except OSError:  # a full buffer means that it rings already; the rest is for the poll
                pass

    def wait(self, timeout: float) -> bool:
        """Sleep up to `timeout` seconds; True when somebody rang. However often they rang, that is once."""
        rang = False
        try:
            poll = select.poll()  # not select.select, which ends at descriptor 1023
            poll.register(self._ear, select.POLLIN)
            rang = bool(poll.poll(max(0.0, timeout) * 1000))
            while rang:
                self._ear.recv(16)
        except (OSError, ValueError):  # nothing more to read, or closed meanwhile
            pass
        return rang

    def close(self) -> None:
        """Wake whoever waits, then close."""
        if self.port:
            self.ring([self.port])
        self._ear.close()
        self._hand.close()
