"""Runs the campaign the hard way: restarted while it waits for a person, killed while it undoes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import model, shop

RUN = "campaign"
STOCK, ORDERS = 3, 5
_PATIENCE = 60.0  # seconds
_STAGE = "examples.agents_and_saga.stage"


@contextmanager
def aws(folder: Path) -> Iterator[str]:
    """A server of moto, in a process of its own; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "aws.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + _PATIENCE
        while not _answers(f"{url}/moto-api/"):
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"moto's server does not answer: {folder / 'aws.log'}")
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except OSError:
        return False


def trial(folder: Path) -> dict[str, Any]:
    """Its numbers: what was served and undone, what the services hold, and how often the model was called."""
    with aws(folder) as url:
        os.environ["AWS_ENDPOINT_URL"] = url
        os.environ["MODEL_CALLS"] = str(folder / "calls.txt")
        environment = {
            **os.environ,
            "PODIUM_URL": f"sqlite:///{folder / 'podium.db'}",
            "DIE_IN_UNDO": str(folder / "died"),
        }
        shop.client.cache_clear()  # of another endpoint
        shop.open_shop(STOCK)
        _process(environment, _STAGE, "ask", str(ORDERS))
        asked = model.calls()
        _process(environment, "podium", "answer", RUN, "true", "--by", "sales")
        killed = _process(environment, _STAGE, "serve", str(ORDERS), fails=True)
        report = json.loads(_process(environment, _STAGE, "serve", str(ORDERS)))
        return {
            **report,
            **shop.counts(),
            "model calls": asked,
            "in replays": model.calls() - asked,
            "killed while undoing": killed == str(-signal.SIGKILL),
        }


def _process(environment: dict[str, str], module: str, *words: str, fails: bool = False) -> str:
    """What a process says; of one that is to fail, its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False,
        timeout=_PATIENCE,
    )  # fmt: skip
    if fails:
        return str(done.returncode)
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(words)}: {done.stderr}")
    return done.stdout
