"""A small server of one table with pages, in datasette's form: where there is no datasette to ask."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROWS = 4032  # two weeks, every five minutes
TABLE = "/machine/readings"


def made() -> list[tuple[str, float | None]]:
    """Two weeks of a machine: warm by day, cold three times, and an hour that was recorded twice."""
    begin = datetime(2026, 3, 2)
    rows: list[tuple[str, float]] = []
    for n in range(ROWS):
        at = begin + timedelta(minutes=5 * n)
        degrees = 80 + 10 * math.sin(2 * math.pi * n / 288)
        if n in range(600, 630) or n in range(1800, 1812) or n in range(3000, 3060):
            degrees -= 50
        rows.append((f"{at}", round(degrees, 3)))
    again = [(at, degrees + 1) for at, degrees in rows[2000:2012]]
    return [*rows[:2012], *again, *rows[2012:]]


def read(file: Path) -> list[tuple[str, float | None]]:
    """A CSV file with a header and two columns: an instant, and a number or nothing."""
    with file.open(newline="") as lines:
        return [(at, float(value) if value else None) for at, value in list(csv.reader(lines))[1:]]


def serve(rows: list[tuple[str, float | None]], port: int = 0) -> ThreadingHTTPServer:
    """A server on loopback that is not begun yet; it writes each request to stderr."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = parse_qs(parts.query)
            if parts.path != f"{TABLE}.json":
                self.send_error(404)
                return
            size, begin = int(asked["_size"][0]), int(asked.get("_next", ["0"])[0])
            end = begin + size
            query = f"_shape=objects&_size={size}&_next={end}"
            host = f"http://{self.headers['Host']}"
            answer: dict[str, Any] = {
                "rows": [{"timestamp": at, "value": value} for at, value in rows[begin:end]],
                "next_url": f"{host}{TABLE}.json?{query}" if end < len(rows) else None,
            }
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m examples.monitor.serve [CSV]`: serve until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("csv", nargs="?", type=Path)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(arguments)
    server = serve(read(given.csv) if given.csv else made(), given.port)
    print(f"http://127.0.0.1:{server.server_port}{TABLE}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
