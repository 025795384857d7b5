"""A small feed behind a bearer token, in pages as datasette has them: where there is no other to ask."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TABLE = "/feed/tweets"
TOKEN = "let-me-in"  # of this server alone
_MADE = (
    ("Black Friday: great prices, and so easy", "positive"),
    ("love the black shoes from Black Friday", "positive"),
    ("Black Friday starts at eight", "neutral"),
    ("the shop is open on Black Friday", "neutral"),
    ("Black Friday: wrong size, lost order, worst day", "negative"),
)
ROWS = [{"text": f"{text} #{n}", "label": label} for n in range(12) for text, label in _MADE]


class Feed(ThreadingHTTPServer):
    """The server; `asked` are the pages that were asked for, `busy` how many more it answers with 503."""

    def __init__(self, port: int = 0, busy: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.asked: list[str] = []
        self.busy = busy

    @property
    def table(self) -> str:
        """The address of its table."""
        return f"http://127.0.0.1:{self.server_port}{TABLE}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Feed

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        parts = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send_error(401)
        elif self.server.busy:
            self.server.busy -= 1
            self.send_error(503)
        elif parts.path != f"{TABLE}.json":
            self.send_error(404)
        else:
            self._page(parse_qs(parts.query))

    def _page(self, asked: dict[str, list[str]]) -> None:
        size, begin = int(asked["_size"][0]), int(asked.get("_next", ["0"])[0])
        end = begin + size
        more = f"{self.server.table}.json?_shape=objects&_size={size}&_next={end}"
        answer: dict[str, Any] = {"rows": ROWS[begin:end], "next_url": more if end < len(ROWS) else None}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        print(f"{self.command} {self.path}", file=sys.stderr)


if __name__ == "__main__":
    feed = Feed(busy=1)
    print(feed.table, flush=True)
    feed.serve_forever()
