"""Servers that the examples' tests talk to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from examples.content_moderation import scraper


@dataclass
class Web:
    """A web server whose answers a test writes: `answers[path] = status, headers, body`."""

    url: str
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # paths, in order
    connections: set[tuple[str, int]] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    seconds: float = 0.0  # that each answer takes
    at_once: int = 0
    at_once_max: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, path: str, html: str, **headers: str) -> str:
        """Serve an HTML page at `path`; returns its address."""
        self.answers[path] = (200, {"Content-Type": "text/html; charset=utf-8", **headers}, html.encode())
        return self.url + path


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with web.lock:
                web.asked.append(self.path)
                web.connections.add(self.client_address)
                web.agents.add(self.headers["User-Agent"])
                web.at_once += 1
                web.at_once_max = max(web.at_once_max, web.at_once)
            time.sleep(web.seconds)
            self.answer()

        def answer(self) -> None:
            status, headers, body = web.answers.get(self.path, (404, {"Content-Type": "text/html"}, b"no"))
            with web.lock:
                web.at_once -= 1  # before the client may know: it asks for the next one at once
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.close_connection or "X-Cut" in headers

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        web = Web(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield web
        for idle in scraper._idle.values():
            while idle:
                idle.pop().close()
        server.shutdown()
        thread.join()
