"""The end of another process on this host is noticed at once, where the system tells."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from podium.engine.neighbours import Neighbours
from podium.model import EngineRow

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no such notice on this system")


@pytest.fixture
def neighbours() -> Iterator[Neighbours]:
    neighbours = Neighbours()
    yield neighbours
    neighbours.close()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def row(id: str, pid: int) -> EngineRow:
    return EngineRow(id, 0, "here", pid, 0.0)


def test_a_death_ends_the_wait_once(neighbours: Neighbours, process: subprocess.Popen[bytes]) -> None:
    neighbours.watch([row("a", process.pid), row("self", os.getpid())])
    assert not neighbours.wait(0.0)
    process.kill()
    assert neighbours.wait(10.0)
    neighbours.watch([row("a", process.pid), row("self", os.getpid())])
    assert not neighbours.wait(0.0), "its row may stay for a while; that is no news"


def test_who_has_left_is_not_watched_any_more(
    neighbours: Neighbours, process: subprocess.Popen[bytes]
) -> None:
    neighbours.watch([row("a", process.pid)])
    neighbours.watch([])
    process.kill()
    process.wait()
    assert not neighbours.wait(0.05)


def test_a_process_that_is_not_there_is_left_to_the_looks(neighbours: Neighbours) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    neighbours.watch([row("a", ended.pid)])
    assert not neighbours.wait(0.0)


def test_waking_ends_a_wait_and_is_no_death(neighbours: Neighbours) -> None:
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(neighbours.wait(30.0)))
    waiting.start()
    neighbours.wake()
    waiting.join(10)
    assert answers == [False]
    neighbours.close()
    neighbours.wake()
    neighbours.close()
