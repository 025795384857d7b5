"""What a server takes is bounded: bodies, heads, streams, connections; whoever behaves is served beside."""

from __future__ import annotations

import http.client
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from podium.env import RealEnv
from podium.server import http as server_http
from podium.server import listener, site
from tests.server.conftest import Server

MB = 1_000_000


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    host, _, port = server.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        yield raw


def head(server: Server, line: str, *more: str) -> bytes:
    lines = (line, f"Host: {server.host}", f"Authorization: Bearer {server.token}", *more, "", "")
    return "\r\n".join(lines).encode()


def answer(raw: socket.socket) -> bytes:
    """All that comes until the server closes."""
    parts = b""
    while True:
        try:
            part = raw.recv(65_536)
        except ConnectionError:  # it closed while we were still sending
            part = b""
        if not part:
            return parts
        parts += part


def test_a_body_that_says_it_is_too_large_is_not_read(shared: Server) -> None:
    with connected(shared) as raw:
        raw.sendall(head(shared, "POST /api/runs HTTP/1.1", "Content-Type: application/json",
                         f"Content-Length: {100 * MB}"))  # fmt: skip
        assert b" 413 " in answer(raw).partition(b"\r\n")[0]


def test_a_body_without_an_end_is_cut_off_and_costs_no_memory(shared: Server) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        with connected(shared) as raw:
            raw.sendall(head(shared, "POST /api/runs HTTP/1.1", "Content-Type: application/json",
                             "Transfer-Encoding: chunked"))  # fmt: skip
            chunk = b"%x\r\n%s\r\n" % (MB, b"x" * MB)
            sent = 0
            with pytest.raises(ConnectionError):
                while sent < 50:
                    raw.sendall(chunk)
                    sent += 1
            assert sent < 50
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KB
    assert grown < 30_000


def test_a_slow_body_is_not_waited_for(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_http, "BODY_SECONDS", 0.1)
    with connected(shared) as raw:
        raw.sendall(head(shared, "POST /api/runs HTTP/1.1", "Content-Type: application/json",
                         "Content-Length: 100") + b"{")  # fmt: skip
        assert b" 408 " in answer(raw).partition(b"\r\n")[0]


def test_a_slow_head_is_not_waited_for(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEADER_SECONDS", 0.1)
    with connected(shared) as raw:
        raw.sendall(b"GET /api/me HTTP/1.1\r\nHost: ")
        assert answer(raw) == b""
    with connected(shared) as raw:
        assert answer(raw) == b""


def test_a_second_request_of_a_connection_is_waited_for_no_longer(
    shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEADER_SECONDS", 0.1)
    with connected(shared) as raw:
        raw.sendall(head(shared, "GET /api/me HTTP/1.1"))
        raw.sendall(b"GET /api/me HTTP/1.1\r\nHo")
        assert answer(raw).count(b"HTTP/1.1 200") == 1


def test_a_head_without_an_end_is_refused(shared: Server) -> None:
    with connected(shared) as raw:
        with suppress(ConnectionError):
            raw.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000)
        assert answer(raw).partition(b"\r\n")[0] in (b"", b"HTTP/1.1 400 Bad Request")
    assert shared.ask("/health").status == 200


def test_a_whole_head_that_is_too_large_is_refused(shared: Server) -> None:
    for path, header in (("/health", "x" * 20_000), (f"/health?{'x' * 20_000}", "")):
        assert shared.ask(path, x=header).status == 431


@pytest.mark.parametrize("path", ["runs/none/history?after=", "runs/none/logs?after=", "audit?after="])
def test_a_number_that_no_store_holds_is_refused(shared: Server, path: str) -> None:
    assert shared.ask(f"/api/{path}{10**23}").status == 400
    assert shared.ask(f"/api/{path}{2**63}").status == 400


def test_streams_are_so_many_and_no_more(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "WAITING_MAX", 3)
    with ExitStack() as open_ones:
        for _ in range(3):
            connection = http.client.HTTPConnection(shared.host, timeout=30)
            open_ones.callback(connection.close)
            connection.request("GET", "/api/events", headers={"Authorization": f"Bearer {shared.token}"})
            assert connection.getresponse().status == 200
        refused = shared.ask("/api/events")
        assert (refused.status, refused.json["error"]["code"]) == (503, "E152")
        assert shared.ask("/api/me").status == 200


def test_connections_are_so_many_and_no_more(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS_MAX", 4)
    with ExitStack() as open_ones:
        for _ in range(4):
            raw = open_ones.enter_context(connected(shared))
            raw.sendall(head(shared, "GET /health HTTP/1.1"))
            assert raw.recv(65_536).startswith(b"HTTP/1.1 200")
        with connected(shared) as beyond:
            assert answer(beyond) == b""


def test_a_body_with_two_ends_is_refused_and_nothing_is_read_behind_it(shared: Server) -> None:
    hidden = head(shared, "GET /api/me HTTP/1.1")
    with connected(shared) as raw:
        lines = ("Content-Type: application/json", "Content-Length: 4", "Transfer-Encoding: chunked")
        raw.sendall(head(shared, "POST /api/runs HTTP/1.1", *lines) + b"0\r\n\r\n" + hidden)
        said = answer(raw)
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1 ") == 1


def test_the_head_of_a_stream_has_an_end(shared: Server) -> None:
    with connected(shared) as raw:
        raw.sendall(head(shared, "HEAD /api/events HTTP/1.1", "Connection: close"))
        said = answer(raw)
    assert said.startswith(b"HTTP/1.1 200")
    assert b"content-type: text/event-stream" in said
    assert said.endswith(b"\r\n\r\n")


def test_what_is_no_request_writes_nothing_to_the_log(
    shared: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither what cannot be read, nor the wish for another protocol."""
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    for sent in (
        b"GET /api/me\x00 HTTP/1.1\r\n\r\n",
        head(shared, "GET /health HTTP/1.1", "Connection: close", *upgrade),
    ):
        with connected(shared) as raw:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            assert answer(raw).startswith(b"HTTP/1.1 ")
    assert caplog.records == []


def test_an_answer_on_a_kept_connection_is_not_held_back(shared: Server) -> None:
    """A head and a body are two packets: the second was held back until the first was acknowledged, and a
    client acknowledges after 40 ms."""
    env, took = RealEnv(), list[float]()
    connection = http.client.HTTPConnection(shared.host, timeout=30)
    for _ in range(40):
        began = env.monotonic()
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        took.append(env.monotonic() - began)
    connection.close()
    # The first ones are acknowledged at once. A busy machine makes some slow, but not most.
    assert sorted(took[10:])[10] < 0.035


def test_whoever_behaves_is_served_beside_those_who_do_not(shared: Server) -> None:
    """Slow heads, slow bodies and bodies without an end, on 200 connections: a call's p99 is under a second,
    and the memory stays flat."""
    env, took = RealEnv(), list[float]()
    chunk = b"%x\r\n%s\r\n" % (MB // 10, b"x" * (MB // 10))
    endless = head(shared, "POST /api/runs HTTP/1.1", "Content-Type: application/json",
                   "Transfer-Encoding: chunked")  # fmt: skip
    with ExitStack() as open_ones:
        for _ in range(90):
            raw = open_ones.enter_context(connected(shared))
            raw.sendall(b"GET / HTTP/1.1\r\n")
            raw = open_ones.enter_context(connected(shared))
            raw.sendall(head(shared, "POST /api/runs HTTP/1.1", "Content-Type: application/json",
                             "Content-Length: 10") + b"{")  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(20):
            with connected(shared) as raw, suppress(ConnectionError):
                raw.sendall(endless)
                for _ in range(40):  # four times what is taken
                    raw.sendall(chunk)
            for _ in range(5):
                began = env.monotonic()
                assert shared.ask("/api/runs").status == 200
                took.append(env.monotonic() - began)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert sorted(took)[98] < 5.0  # p99 of a hundred; those who misbehave would hold it up for half a minute
    assert grown * 1024 < 30 * MB
