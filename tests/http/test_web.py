"""The programs of docs/web.md as real servers: a run that a request has started outlives its server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium import App
from podium.model import Kind
from tests import forkserver
from tests.http.conftest import free_port
from tests.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "web.md"
FILES = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = {
    "fast": ["uvicorn", "fast:app", "--port"],
    "star": ["uvicorn", "star:app", "--port"],
    "pages": ["gunicorn", "pages:application", "--no-control-socket", "--bind"],
}


class Shop:
    """A server of one framework, killed with all its processes and started again."""

    def __init__(self, folder: Path, framework: str) -> None:
        self._folder, self._framework, self._port = folder, framework, free_port()
        self.store = folder / "podium.db"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = COMMANDS[self._framework]
        place = str(self._port) if command[-1] == "--port" else f"127.0.0.1:{self._port}"
        env = {**os.environ, "PODIUM_URL": str(self.store), "HOME": str(self._folder), "PODIUM_QUIET": "1"}
        self._process = forkserver.Popen(
            [sys.executable, "-m", *command, place], cwd=self._folder, env=env, start_new_session=True
        )
        until(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server has ended"
        try:
            return self.ask("GET", "none")[0] == 404
        except OSError:
            return False

    def kill(self) -> float:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        return time.time()

    def ask(self, method: str, order: str, query: str = "") -> tuple[int, Any]:
        address = f"http://127.0.0.1:{self._port}/orders/{order}{query}"
        request = urllib.request.Request(address, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, body = answer.status, answer.read()
                if status == 202 and method == "POST":
                    assert answer.headers["Location"] == f"/orders/{order}"
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read()
        return status, json.loads(body or "null")


@pytest.fixture(params=sorted(COMMANDS))
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    for name, text in FILES.findall(PAGE.read_text()):
        (tmp_path / name).write_text(text)
    shop = Shop(tmp_path, request.param)
    shop.start()
    yield shop
    shop.kill()


def test_a_run_survives_its_server_and_is_started_once_looked_at_and_cancelled(shop: Shop) -> None:
    assert shop.ask("POST", "7", "?amount=120") == (202, {"run": "order-7"})
    with App(shop.store, drives="nothing") as app:

        def outcomes() -> list[float]:
            return [entry.at for entry in app.history("order-7") if entry.kind is Kind.RESULT]

        until(outcomes)  # it is charged, and being shipped
        assert shop.ask("GET", "7") == (200, {"state": "running", "result": None})
        killed = shop.kill()
        shop.start()
        assert shop.ask("POST", "7", "?amount=120") == (202, {"run": "order-7"}), "the same run"
        assert shop.ask("POST", "7", "?amount=121")[0] == 409
        parcel = {"state": "succeeded", "result": "parcel for receipt 7-120"}
        until(lambda: shop.ask("GET", "7") == (200, parcel))
        charged, shipped = outcomes()
        assert charged < killed < shipped
        shop.ask("POST", "8", "?amount=1")
        assert shop.ask("DELETE", "8")[0] == 202
        until(lambda: shop.ask("GET", "8")[1]["state"] == "cancelled")
    assert shop.ask("GET", "9")[0] == 404
    assert shop.ask("POST", "%C3%A9", "?amount=6")[0] == 422, "no id of a run"
