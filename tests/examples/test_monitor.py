"""The monitor on a real server: its numbers, undisturbed and with a kill in the middle."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.monitor import readings, serve

ROOT = Path(__file__).parents[2]
SAID = "4,044 retrieved, 4,032 stored, 102 below 50, 3 episodes"


class Served:
    """The example's own server, in a process of its own, and what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "server.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "examples.monitor.serve"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.table = self.process.stdout.readline().strip()

    def asked(self) -> Counter[str]:
        return Counter(re.findall(r'"GET (\S+) ', self._log.read_text()))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def job(served: Served, folder: Path) -> subprocess.Popen[str]:
    words = ["-m", "examples.monitor", served.table, "--file", str(folder / "out.db")]
    environment = {**os.environ, "PODIUM_URL": str(folder / "podium.db"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_killed_in_the_middle_it_retrieves_no_recorded_page_again(served: Served, tmp_path: Path) -> None:
    first = job(served, tmp_path)
    until(lambda: served.asked().total() >= 2)
    first.kill()
    first.communicate()
    said, _ = job(served, tmp_path).communicate(timeout=30)
    assert SAID in said
    asked = served.asked()
    assert len(asked) == 5, "pages"
    assert asked.total() <= 5 + 1, "one was in flight"


def test_readings_are_transformed_and_checked() -> None:
    found = readings.transform(serve.made())
    assert len(found) == serve.ROWS
    assert readings.check(found) == found
    assert [each.readings for each in readings.episodes(found)] == [30, 12, 60]
    with pytest.raises(readings.Untrusted, match="no reading from"):
        readings.check([*found[:100], *found[200:]])
