"""`podium queues --follow`: what changes is shown, on either store, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium import App
from podium.model import NewRun, QueueChange, QueueLimits, Write
from tests import forkserver
from tests.cli.support import PODIUM, Terminal, environment, podium
from tests.postgres import shared


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.postgres)])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    """A store with two queues that nothing serves."""
    url = shared().new_database() if request.param == "postgres" else f"sqlite:///{tmp_path / 'podium.db'}"
    with App(url, drives="nothing") as app:
        declared = [QueueChange(name, 1.0, declared=QueueLimits(3)) for name in ("api", "gpu")]
        app.store.commit(None, [Write(queues=tuple(declared))])
        yield app


def enqueue(app: App, id: str) -> None:
    new = NewRun(id, "app:flow", b"{}", b"", app.env.now(), queue="api", lane="oslo")
    app.store.commit(None, [Write(new_runs=(new,))])


@pytest.fixture
def follow(app: App) -> Iterator[Any]:
    """Follows in a process of its own, which does not outlive the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        begun.append(
            forkserver.Popen(
                [*PODIUM, "queues", "-f", *words, "--store", app.url],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(PYTHONUNBUFFERED="1"),
            )
        )
        return begun[-1]

    yield begin
    for each in begun:
        if each.poll() is None:
            each.kill()
        each.communicate()


def interrupt(following: subprocess.Popen[str]) -> tuple[str, str]:
    """What comes until Ctrl-C has ended it."""
    following.send_signal(signal.SIGINT)
    rest = following.communicate(timeout=20)
    assert following.returncode == 130
    return rest


def test_each_change_is_a_line_of_json(app: App, follow: Any) -> None:
    following = follow("--json")

    def queued() -> dict[str, int]:
        return {each["name"]: each["queued"] for each in json.loads(following.stdout.readline())["queues"]}

    assert queued() == {"api": 0, "gpu": 0}
    enqueue(app, "r1")
    assert queued() == {"api": 1, "gpu": 0}
    enqueue(app, "r2")
    assert queued() == {"api": 2, "gpu": 0}
    assert interrupt(following)[0] == ""


def test_in_a_pipe_a_queue_is_shown_again_when_it_has_changed(app: App, follow: Any) -> None:
    following = follow()
    heads = [following.stdout.readline() for _ in range(4)][::2]
    assert heads == ["api  0 of 3 running, 0 queued\n", "gpu  0 of 3 running, 0 queued\n"]
    enqueue(app, "r1")
    assert [following.stdout.readline() for _ in range(3)] == [
        "api  0 of 3 running, 1 queued\n", "  3 at once\n", "  no live engine serves it\n"
    ]  # fmt: skip
    assert interrupt(following)[0] == ""


def test_a_queue_that_is_named_is_followed_alone_and_with_its_keys(app: App, follow: Any) -> None:
    enqueue(app, "r1")
    following = follow("api")
    assert [following.stdout.readline() for _ in range(4)][-1] == "  oslo  0 running, 1 queued\n"
    enqueue(app, "r2")
    assert [following.stdout.readline() for _ in range(4)][-1] == "  oslo  0 running, 2 queued\n"
    assert interrupt(following)[0] == ""


def test_at_a_terminal_it_is_drawn_in_place(app: App) -> None:
    following = Terminal("queues", "--follow", "--store", app.url)
    following.until("gpu  0 of 3 running, 0 queued")
    enqueue(app, "r1")
    following.until("api  0 of 3 running, 1 queued")
    following.interrupt()
    assert following.end() == 130
    assert "\x1b[?25h" in following.raw  # the cursor is there again
    assert following.raw.count("\x1b[2K") >= 4  # lines that were there, drawn over


@pytest.mark.parametrize("words", [("pause", "api"), ("set", "api", "--concurrency", "2")])
def test_what_changes_a_queue_follows_nothing(app: App, words: tuple[str, ...]) -> None:
    ran = podium("queues", *words, "-f", "--store", app.url)
    assert (ran.returncode, "--follow is for looking" in ran.stderr) == (2, True)
    assert not next(each for each in app.store.queues() if each.name == "api").paused
