"""Starts a service as a process of its own, and ends it by id."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

SERVICES = {"inputs": "INPUTS_URL", "model": "MODEL_URL", "log": "LOG_URL"}


class Served:
    """A service that starts; several start at once, as nobody waits before the address is asked for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @cached_property
    def url(self) -> str:
        """Where it is, once it is there. Raises RuntimeError when it does not start."""
        assert self._process.stdout is not None
        url = self._process.stdout.readline().strip()
        if not url:
            raise RuntimeError("a service does not start; what it says is above")
        return url


@contextmanager
def serving(
    service: str, *, at: str = "", file: Path | None = None, seconds: float = 0.0
) -> Iterator[Served]:
    """A service while it is up. `at`: the address where it was before; `file`, `seconds`: see server.py."""
    command = [sys.executable, "-m", f"{__package__}.{service}", "--seconds", str(seconds)]
    command += ["--port", str(urlsplit(at).port or 0)]
    command += ["--file", str(file)] if file is not None else []
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Served(process)
    finally:
        process.kill()  # as in an outage: it ends no request that it has
        process.communicate()
