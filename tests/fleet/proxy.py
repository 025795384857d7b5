"""A TCP proxy on loopback that loses what it is told to lose."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

CHUNK = 65536


class Proxy:
    """Passes bytes on to a port, until told otherwise; a context manager.

    `filter_reply`: sees what the server has sent; False: it is dropped, and the connection is cut.
    `filter_request`: likewise, of what a client has sent.
    `silences`: sees that too; True: from then on nothing of it arrives, and the connection stays.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.filter_reply: Callable[[bytes], bool] = lambda _: True
        self.filter_request: Callable[[bytes], bool] = lambda _: True
        self.silences: Callable[[bytes], bool] = lambda _: False
        self.is_black_hole = False
        self._open: list[socket.socket] = []
        self.made = 0  # connections so far
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # there is no server now, and that is what the client finds
                    client.close()
                    continue
                self._open += [client, server]
                self.made += 1
                for source, sink, name in (
                    (client, server, "filter_request"),
                    (server, client, "filter_reply"),
                ):
                    threading.Thread(target=self._pass, args=(source, sink, name), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, name: str) -> None:
        is_silent = False
        try:
            with contextlib.suppress(OSError):
                while data := source.recv(CHUNK):
                    is_silent |= name == "filter_request" and self.silences(data)
                    if is_silent or self.is_black_hole:
                        continue
                    if not getattr(self, name)(data):
                        break
                    sink.sendall(data)
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End all connections that there are."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        for one in (self._listener, *self._open):
            one.close()
