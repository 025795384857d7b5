"""A thread that serves HTTP on one address, by uvicorn, within limits.

It binds before it starts, so a port that is taken is an error of whoever asked for it. Beyond loopback it
does so only with TLS, or where a proxy in front has been promised that does it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import threading
from pathlib import Path
from typing import Any, NamedTuple, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..env import Env
from ..errors import UsageError
from .api import TABLE
from .files import Files
from .http import HEAD_MAX
from .service import Service
from .site import Site

HEADER_SECONDS = 10.0  # within which a request must have told what it wants
CONNECTIONS_MAX = 256
PORT = 7070
_PORTS_TRIED = 20  # from the default one on, where nobody has asked for one

STATIC = Path(__file__).with_name("static")


class Binding(NamedTuple):
    """Where to listen. `names`: what the server may be called beside its address, as by a proxy."""

    host: str = "127.0.0.1"
    port: int | None = None
    certificate: str | None = None  # PEM files
    key: str | None = None
    behind_proxy: bool = False
    names: tuple[str, ...] = ()


_log = logging.getLogger("podium.server.http")


class _OwnFaults(logging.LoggerAdapter[logging.Logger]):
    """A logger from errors on, whatever its level, which stays as it is.

    uvicorn warns of each request that is none, and of each that asks for a WebSocket (and how to install
    one): whoever reaches the port could fill a terminal, or a disk, without a token. Its own faults are told.
    """

    @property
    def level(self) -> int:
        """For uvicorn, which looks at it before it traces."""
        return logging.ERROR

    def isEnabledFor(self, level: int) -> bool:
        """Whether it is worth a line."""
        return level >= logging.ERROR and super().isEnabledFor(level)


class _Limited(H11Protocol):
    """Closes a connection that does not say what it wants, and those beyond the limit."""

    _timer: asyncio.TimerHandle | None = None
    _is_taken = False  # else it is beyond the limit, and closed

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = cast(Any, _OwnFaults(_log))

    def connection_made(self, transport: asyncio.Transport) -> None:
        if len(self.connections) >= CONNECTIONS_MAX:
            transport.close()
            return
        self._is_taken = True
        # A head and a body are two packets. asyncio sees to it only for sockets that say that they are TCP's,
        # and a listening one is made without: each answer of a kept connection took 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        if not self._is_taken:
            return
        super().data_received(data)
        if self._is_asking():
            self._expect()
        else:
            self._stop()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        if self._is_taken:
            super().connection_lost(exc)

    def _is_asking(self) -> bool:
        """Whether the request's head has not come yet."""
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's types say
        return cycle is None or cycle.response_complete

    def _expect(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._is_asking() and not self.transport.is_closing():
            self.transport.close()


class Listener:
    """Serves from `start` to `close`. Raises UsageError where it may not, or cannot, listen."""

    def __init__(self, service: Service, binding: Binding, env: Env) -> None:
        self._env, self._service = env, service
        _check(binding)
        self._socket = _bound(binding)
        port: int = self._socket.getsockname()[1]
        self.is_secure = binding.certificate is not None
        scheme = "https" if self.is_secure else "http"
        called = binding.names[0] if binding.names else binding.host
        shown = f"[{called}]" if ":" in called else called
        self.url = f"{scheme}://{shown}:{port}/"
        self._site = Site(service, TABLE, Files(STATIC), _names(binding, port), f"podium_{port}")
        config = uvicorn.Config(
            cast(Any, self._site), log_config=None, access_log=False, lifespan="off", ws="none",
            loop="asyncio", http=_Limited, h11_max_incomplete_event_size=HEAD_MAX, timeout_keep_alive=30,
            timeout_graceful_shutdown=1, server_header=False, proxy_headers=binding.behind_proxy,
            ssl_certfile=binding.certificate, ssl_keyfile=binding.key,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve, until `close`."""
        self._thread = self._env.spawn(self._server.run, [self._socket], name="podium-http")

    def close(self) -> None:
        """End the streams, answer what is under way within a second, then end."""
        self._service.close()
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(binding: Binding) -> None:
    if (binding.certificate is None) != (binding.key is None):
        raise UsageError("TLS needs a certificate and its key", fix="--tls-cert FILE --tls-key FILE")
    if is_loopback(binding.host) or binding.certificate or binding.behind_proxy:
        return
    raise UsageError(
        f"{binding.host} can be reached by others, and what they send could be read on the way",
        fix="--tls-cert FILE --tls-key FILE, or --behind-proxy where a proxy in front does TLS",
    )


def _bound(binding: Binding) -> socket.socket:
    family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
    first = PORT if binding.port is None else binding.port
    for port in range(first, first + (_PORTS_TRIED if binding.port is None else 0)):
        try:
            return socket.create_server((binding.host, port), family=family, backlog=128)
        except OSError:
            continue
    try:
        return socket.create_server((binding.host, binding.port or 0), family=family, backlog=128)
    except OSError as error:
        what = f"cannot listen at {binding.host}:{first}: {error.strerror}"
        raise UsageError(what, fix="any port that is free: --port 0") from None


def _names(binding: Binding, port: int) -> list[str]:
    """What the Host header may say."""
    if not is_loopback(binding.host):
        own = [binding.host, *binding.names]
    else:
        own = ["127.0.0.1", "localhost", "[::1]", *binding.names]
    return [name for host in own for name in (f"{host}:{port}", *([host] if host in binding.names else []))]
