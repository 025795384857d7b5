"""A function endpoint as a real process, and an app whose tasks it makes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forkserver

ROOT = Path(__file__).parents[2]
KEY = "a key for tests that has more than 32 characters"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Served:
    """`tests.http.served:app` under uvicorn, killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port, self.ledger = free_port(), folder / "ledger"
        self.url = f"http://127.0.0.1:{self.port}/podium"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {**os.environ, "LEDGER": str(self.ledger), "FUNCTIONS_KEY": KEY, "PYTHONPATH": str(ROOT)}
        words = ["tests.http.served:app", "--port", str(self.port), "--log-level", "warning"]
        self.process = forkserver.Popen([sys.executable, "-m", "uvicorn", *words], env=env, cwd=ROOT)
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=5)
            except urllib.error.HTTPError:
                return  # only POST is answered
            except OSError:
                assert self.process.poll() is None, "uvicorn has ended"
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def lines(self) -> list[str]:
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    served.start()
    yield served
    served.kill()
