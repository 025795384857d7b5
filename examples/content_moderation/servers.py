"""Real web servers on a free loopback port, ended by id, and the log in which they count our requests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .sites import httpbin_python

BOOT_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Site:
    """A served site. `log` is written by the server, so what it says of our requests is not our word."""

    url: str
    log: Path

    def gets(self) -> Counter[str]:
        """How often each address was asked for so far."""
        return count_gets(self.log)


def count_gets(log: Path) -> Counter[str]:
    """How often each address appears in a log with lines that contain `GET address`."""
    return Counter(re.findall(r"\bGET (\S+)", log.read_text() if log.exists() else ""))


@contextmanager
def httpbin(pages: int = 50) -> Generator[Site]:
    """httpbin under gunicorn; the site is its `pages` pages that all link to each other."""
    command = [httpbin_python(), "-m", "gunicorn", "httpbin:app", "--bind", "127.0.0.1:0"]
    command += ["--worker-class", "gthread", "--threads", "8", "--access-logfile", "-", "--no-control-socket"]
    with _served(command, f"/links/{pages}/0") as site:
        yield site


@contextmanager
def directory(folder: Path, start: str = "index.html") -> Generator[Site]:
    """`python -m http.server` over a folder of files.

    It closes after each answer. Its HTTP/1.1 mode, tried, is fifty times slower: small writes on a
    connection kept open wait 40 ms for the other side's delayed acknowledgement.
    """
    command = [
        sys.executable,
        "-u",
        "-m",
        "http.server",
        "0",
        "--bind",
        "127.0.0.1",
        "--directory",
        str(folder),
    ]
    with _served(command, f"/{start}") as site:
        yield site


@contextmanager
def _served(command: list[str], start: str) -> Generator[Site]:
    with tempfile.TemporaryDirectory(prefix="podium-site-") as folder:
        log = Path(folder) / "server.log"
        environment = {**os.environ, "HOME": folder}  # gunicorn keeps files there
        with log.open("w") as sink:
            server = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )
        try:
            yield Site(f"http://127.0.0.1:{_port(server, log)}{start}", log)
        finally:
            stop(server)


def _port(server: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server says it got, once it says so."""
    deadline = time.monotonic() + BOOT_SECONDS_MAX
    while time.monotonic() < deadline and server.poll() is None:
        if said := re.search(r"127\.0\.0\.1(?::| port )(\d+)", log.read_text()):
            return int(said[1])
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {server.args}\n{log.read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process: politely, and after ten seconds for sure."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
