"""Starts a service as a process of its own, and ends it by id."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

SERVICES = {"inputs": "INPUTS_URL", "model": "MODEL_URL", "log": "LOG_URL"}


@contextmanager
def serving(service: str, *, at: str = "", file: Path | None = None, seconds: float = 0.0) -> Iterator[str]:
    """Its address while it is up. `at`: the address where it was before; `file`, `seconds`: see server.py."""
    command = [sys.executable, "-m", f"{__package__}.{service}", "--seconds", str(seconds)]
    command += ["--port", str(urlsplit(at).port or 0)]
    command += ["--file", str(file)] if file is not None else []
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"the service {service} does not start")
        yield url
    finally:
        process.kill()  # as in an outage: it ends no request that it has
        process.communicate()
