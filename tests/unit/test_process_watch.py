"""The end of another process on this host is noticed at once, where the system tells."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from podium.engine.process_watch import ProcessWatch
from podium.model import Beat

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no such notice on this system")


@pytest.fixture
def watch() -> Iterator[ProcessWatch]:
    watch = ProcessWatch()
    yield watch
    watch.close()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def row(id: str, pid: int) -> Beat:
    return Beat(id, 0, "here", pid)


def test_a_death_ends_the_wait_once(watch: ProcessWatch, process: subprocess.Popen[bytes]) -> None:
    watch.watch([row("a", process.pid), row("self", os.getpid())])
    assert not watch.wait(0.0)
    process.kill()
    assert watch.wait(10.0)
    watch.watch([row("a", process.pid), row("self", os.getpid())])
    assert not watch.wait(0.0), "its row may stay for a while; that is no news"


def test_who_has_left_is_not_watched_any_more(watch: ProcessWatch, process: subprocess.Popen[bytes]) -> None:
    watch.watch([row("a", process.pid)])
    watch.watch([])
    process.kill()
    process.wait()
    assert not watch.wait(0.05)


def test_a_process_that_is_not_there_is_left_to_the_looks(watch: ProcessWatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    watch.watch([row("a", ended.pid)])
    assert not watch.wait(0.0)


def test_waking_ends_a_wait_and_is_no_death(watch: ProcessWatch) -> None:
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(watch.wait(30.0)))
    waiting.start()
    watch.wake()
    waiting.join(10)
    assert answers == [False]
    watch.close()
    watch.wake()
    watch.close()
