"""What an attempt has said of its progress is there for the next one, in this process or another."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Retry, UsageError, task, workflow
from podium.errors import PayloadTooLarge
from tests import forkserver
from tests.waiting import until

QUICK = Retry(times=2, wait=0.0)


@task(retries=QUICK)
def pages(fails_at: int) -> list[int]:
    began = podium.last_progress().get("page", 0)
    for page in range(began, 10):
        podium.progress(page, 10, page=page)
        if page == fails_at and podium.attempt() == 1:
            raise ValueError(page)
    return [began, podium.attempt()]


@task(retries=QUICK)
async def pages_async(fails_at: int) -> list[int]:
    return pages.fn(fails_at)


@task(retries=QUICK, isolation="process")
def pages_apart(fails_at: int) -> list[int]:
    return pages.fn(fails_at)


@workflow
def reads(how: str) -> list[int]:
    return {"thread": pages, "loop": pages_async.run, "process": pages_apart}[how](7)


@task
def says(size: int) -> None:
    podium.progress(1, text="x" * 9, state="x" * size)


@task
def asks() -> dict[str, Any]:
    return dict(podium.last_progress())


@workflow
def first() -> dict[str, Any]:
    return asks()


@workflow
def large(size: int) -> None:
    says(size)


@pytest.mark.parametrize("how", ["thread", "loop", "process"])
def test_the_next_attempt_reads_what_the_last_one_said(app: App, how: str) -> None:
    run = reads.options(id="r").start(how)
    assert run.result() == [7, 2]
    assert app.store.progress("r") == [], "nothing is kept of a step that is over"
    assert len(run.history()) == 2, "the history does not grow by it"


@task(retries=QUICK)
def says_done() -> dict[str, Any]:
    if podium.attempt() == 1:
        podium.progress(1, 2, "half", done=["a"])
        raise ValueError("again")
    return podium.last_progress()


@workflow
def done_so_far() -> dict[str, Any]:
    return says_done()


def test_a_state_may_have_the_most_natural_of_names(app: App) -> None:
    assert done_so_far.run() == {"done": ["a"]}


def test_the_first_attempt_reads_nothing(app: App) -> None:
    assert first.run() == {}


def test_there_is_a_limit(app: App) -> None:
    assert large.run(60_000) is None
    with pytest.raises(PayloadTooLarge, match="65,536 are kept at most"):
        large.run(70_000)


def test_outside_of_a_task_there_is_none() -> None:
    podium.progress(1, page=1)
    with pytest.raises(UsageError, match="inside a task"):
        podium.last_progress()


# -- across processes --------------------------------------------------------------------------------------

SCRIPT = """
import sys, time, podium
from pathlib import Path
from podium import task, workflow

@task
def pages() -> list[int]:
    began = podium.last_progress().get("page", -1)
    for page in range(began + 1, 5):
        podium.progress(page, 5, page=page)
        Path("said").write_text(str(page))
        if began < 0:
            time.sleep(60 if page == 3 else 0)
    return [began, podium.attempt()]

@workflow
def reads() -> list[int]:
    return pages()

if __name__ == "__main__":
    print(reads.run())
"""


def wait_for_page(store: Path, page: int) -> None:
    def kept() -> list[bytes]:
        if not store.exists():
            return []
        with App(store, drives="nothing") as looking:
            return [said.payload for run in podium.runs() for said in looking.store.progress(run.id)]

    until(lambda: b'{"page":%d}' % page in kept(), kept)


def test_a_killed_attempt_is_taken_up_where_it_was(project: Path, python: list[str]) -> None:
    Path("app.py").write_text(SCRIPT)
    with forkserver.Popen([*python, "app.py"], stdout=subprocess.DEVNULL) as process:
        try:
            wait_for_page(project / ".podium" / "podium.db", 3)
        finally:
            process.send_signal(signal.SIGKILL)
    ran = forkserver.run([*python, "app.py"], capture_output=True, text=True, check=True)
    assert ran.stdout == "[3, 2]\n", "what it has said is on record, so it counts as begun"
