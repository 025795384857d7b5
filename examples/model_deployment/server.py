"""A service over HTTP that bears so many requests at once. Knows the standard library alone."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]  # status, what is sent as JSON
Service = Callable[[str, Any], Answer]  # of a path, and of what was posted


class Server(ThreadingHTTPServer):
    """A service that bears `limit` requests at once and answers 503 to more. `/seen` tells what it
    met, `/count` what it counts, at any time."""

    def __init__(self, service: Service, port: int, limit: int, seconds: float) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.service, self.limit, self.seconds = service, limit, seconds
        self.lock = threading.Lock()
        self.at_once = 0
        self.seen = {"answered": 0, "refused": 0}

    def answer(self, path: str, posted: Any) -> Answer:
        """What the service says, when it has time."""
        if path == "/seen":
            return 200, self.seen
        if path == "/count":
            return self.service(path, None)
        with self.lock:
            if self.at_once == self.limit:
                self.seen["refused"] += 1
                return 503, f"{self.limit} at once are enough"
            self.at_once += 1
        try:
            time.sleep(self.seconds)
            found = self.service(path, posted)
        finally:
            with self.lock:
                self.at_once -= 1  # before the client may know: it asks for the next one at once
        with self.lock:
            self.seen["answered"] += 1
        return found


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, posted: Any) -> None:
        status, found = self.server.answer(self.path, posted)
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def arguments(what: str | None) -> argparse.Namespace:
    """port, file, limit, seconds."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--port", type=int, default=0, help="a free one")
    parser.add_argument("--file", default=":memory:", help="where it keeps what it keeps")
    parser.add_argument("--limit", type=int, default=4, help="requests at once that it bears (4)")
    parser.add_argument("--seconds", type=float, default=0.0, help="that each answer takes at least")
    return parser.parse_args()


def serve(service: Service, given: argparse.Namespace) -> None:
    """Print the address, and serve until standard input ends: with whoever started it."""
    with Server(service, given.port, given.limit, given.seconds) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        sys.stdin.read()
        server.shutdown()
