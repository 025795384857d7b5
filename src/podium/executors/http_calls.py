"""Hands attempts to a function behind HTTP, and takes its answers. Each call is tried once: what comes next
is the engine's to decide.

A call that has certainly not begun is lost, and begins again when the endpoint can be reached. One that may
have begun, and has no answer, is a failure, like a task whose process has died: its retries count.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import math
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from ..codec import MAX_PAYLOAD
from ..env import Env, new_secret
from ..errors import PodiumError, ResourceShortage, TaskCrashed, TaskTimeout, UsageError
from ..interim import Connection, SecureConnection
from . import capture
from .attempt import Attempt, Ended
from .encoded import decode_outcome, encode_named
from .protocol import Cancellable, Reactor
from .signing import NotSigned, check, signed

CONNECT_SECONDS = 10.0
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 30.0  # while the endpoint cannot be reached; twice as long each time
ANSWER_MAX = MAX_PAYLOAD + 1024 * 1024  # bytes
NOT_BEGUN = (429, 503)  # statuses that say so
SAID_MAX = 200  # characters of a refusal that are told


class _Call:
    """One attempt under way, in a thread of its own."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.connection: http.client.HTTPConnection | None = None
        # The connection lets go of it when the head of an answer has come that is to be the last.
        self.socket: socket.socket | None = None
        self.alarm: Cancellable | None = None
        self.overran = False

    def cut(self) -> None:
        """Wake the thread that waits for the answer. Any thread."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)  # of TLS, too, without its farewell


class HttpExecutor:
    """At most `concurrency` calls at once, each in a thread; the rest wait in line."""

    def __init__(
        self,
        env: Env,
        reactor: Reactor,
        ended: Callable[[Ended], None],
        url: str,
        key: bytes,
        concurrency: int,
    ) -> None:
        self._env, self._reactor, self._ended, self._key = env, reactor, ended, key
        parts = urlsplit(url)
        self._url, self._path, self._is_secure = url, parts.path or "/", parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = ssl.create_default_context() if self._is_secure else None
        self._threads_max = concurrency
        self._line: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._calls: dict[Attempt, _Call] = {}  # in line or under way
        self._closing = threading.Event()
        self._pause, self._resume_at = PAUSE_SECONDS, -math.inf

    def submit(self, attempt: Attempt) -> None:
        """Call it when a thread is free. Engine thread only."""
        call = _Call(attempt)
        with self._lock:
            self._calls[attempt] = call
            short = self._threads < min(len(self._calls), self._threads_max)
            self._threads += short
        if short:
            try:
                self._env.spawn(self._serve, name=f"podium-http-{self._threads}")
            except ResourceShortage:
                with self._lock:
                    self._threads -= 1
                    none = not self._threads
                    if none:
                        del self._calls[attempt]
                if none:
                    raise  # the dispatcher tries again
        self._line.put(call)

    def cancel(self, attempt: Attempt) -> None:
        """Hang up; the other side may notice."""
        attempt.cancelled = True
        call = self._calls.get(attempt)
        if call is not None:
            call.cut()

    def close(self) -> None:
        """Hang up everywhere, let threads end."""
        self._closing.set()
        with self._lock:
            calls = list(self._calls.values())
        for call in calls:
            call.attempt.cancelled = True
            call.cut()
        for _ in range(self._threads):
            self._line.put(None)

    # -- in a thread ----------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (call := self._line.get()) is not None:
            attempt = call.attempt
            self._wait_for_endpoint(attempt)
            ended = None if attempt.cancelled else self._made(call)
            with self._lock:
                del self._calls[attempt]
            if ended is not None and not attempt.cancelled:
                self._ended(ended)
            del call, attempt, ended

    def _wait_for_endpoint(self, attempt: Attempt) -> None:
        while not attempt.cancelled and (wait := self._resume_at - self._env.monotonic()) > 0:
            if self._closing.wait(min(wait, PAUSE_SECONDS)):
                return

    def _made(self, call: _Call) -> Ended:
        """Make the call; whatever becomes of it is how the attempt ended."""
        attempt = call.attempt
        attempt.handle, attempt.has_begun = call, True
        self._soon(self._watch, call)
        try:
            return self._answered(call)
        except _NotBegun as error:
            self._hold(error.seconds)
            if attempt.number == 1:  # not each time: an outage may last for a day
                capture.line(attempt, logging.WARNING, f"{error.message}; it begins again when it can")
            return Ended(attempt, b"", error, lost=True)
        except UsageError as error:  # the app's, or the deployment's: the engine parks the run
            return Ended(attempt, b"", error, lost=True)
        except Exception as error:
            # Of sockets, of TLS that was cut in the middle: the engine waits for an end.
            return Ended(attempt, b"", self._failure(call, error))
        finally:
            attempt.handle = None
            self._soon(_unwatch, call)
            if call.connection is not None:
                call.connection.close()

    def _soon(self, act: Callable[[_Call], None], call: _Call) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self._reactor.call_soon_threadsafe(act, call)

    def _failure(self, call: _Call, error: Exception) -> Exception:
        label, timeout = call.attempt.function.label, call.attempt.function.timeout
        if call.overran:
            return TaskTimeout(
                f"{label} took longer than its timeout of {timeout:g} s", fix=f"{self._url} was hung up on"
            )
        if isinstance(error, PodiumError):
            return error
        return TaskCrashed(f"{self._url} gave no answer for {label}, and may have begun it: {error!r}")

    def _answered(self, call: _Call) -> Ended:
        attempt = call.attempt
        work, id = encode_named(attempt), new_secret()
        headers = signed(self._key, id, self._env.now(), f"POST {self._path}", work)
        call.connection = connection = self._connected()
        call.socket = connection.sock
        if attempt.cancelled or call.overran:  # before there was anything to hang up
            raise TaskCrashed(f"{attempt.function.label} was hung up on")
        connection.request("POST", self._path, work, {**headers, "Content-Type": "application/msgpack"})
        reply = connection.getresponse()
        body = reply.read(ANSWER_MAX + 1)
        if reply.status == 200:
            return self._outcome(attempt, id, dict(reply.headers.items()), body)
        said = body[:SAID_MAX].decode("utf-8", "replace").strip().partition("\n")[0]
        what = f"{self._url} answered {reply.status} for {attempt.function.label}: {said or reply.reason}"
        if reply.status in NOT_BEGUN:
            raise _NotBegun(what, _seconds(reply.headers.get("Retry-After")))
        if reply.status >= 500 or reply.status in (408, 409):
            raise TaskCrashed(what)
        raise UsageError(what, fix=f"mend the endpoint or its key, then: podium resume {attempt.run}")

    def _outcome(self, attempt: Attempt, id: str, headers: Mapping[str, str], body: bytes) -> Ended:
        given = {name.lower(): value for name, value in headers.items()}
        try:
            if check((self._key,), given, self._env.now(), "200", body) != id:
                raise NotSigned("it is the answer to another call")
            ended = decode_outcome(attempt, body)
        except (NotSigned, msgspec.DecodeError) as error:
            what = f"the answer of {self._url} for {attempt.function.label} is refused"
            raise TaskCrashed(f"{what}: {error}") from None
        self._pause = PAUSE_SECONDS
        return ended

    def _connected(self) -> http.client.HTTPConnection:
        """A connection of this call's own, so that no answer of another one can be taken for its."""
        connection = (
            SecureConnection(self._host, self._port, timeout=CONNECT_SECONDS, context=self._tls)
            if self._is_secure
            else Connection(self._host, self._port, timeout=CONNECT_SECONDS)
        )
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise UsageError(f"{self._url} does not prove who it is: {error.verify_message}") from error
        except OSError as error:
            raise _NotBegun(f"{self._url} cannot be reached: {error}") from error
        connection.sock.settimeout(None)  # the task's timeout counts
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # or a dead host is waited for
        return connection

    def _hold(self, seconds: float | None) -> None:
        """The endpoint takes no calls: none is tried for a while."""
        pause = min(self._pause if seconds is None else seconds, PAUSE_SECONDS_MAX)
        self._pause = min(self._pause * 2, PAUSE_SECONDS_MAX)
        self._resume_at = self._env.monotonic() + pause

    # -- on the engine's thread -----------------------------------------------------------------------

    def _watch(self, call: _Call) -> None:
        timeout = call.attempt.function.timeout
        if timeout is not None and call.attempt.handle is call and not call.attempt.is_awaited:
            call.alarm = self._reactor.call_later(timeout, self._overran, call)

    def _overran(self, call: _Call) -> None:
        if call.attempt.handle is call:
            call.overran = True
            call.cut()


class _NotBegun(PodiumError):
    """The endpoint has certainly not begun the call."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds  # that it asks to wait for


def _unwatch(call: _Call) -> None:
    if call.alarm is not None:
        call.alarm.cancel()
        call.alarm = None


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
