"""`podium stream`: what a run publishes and emits, read in another process."""

from __future__ import annotations

import json

import pytest

import podium
from podium import App, task, workflow
from tests.cli.support import STORE
from tests.cli.support import podium as command


@task
def emits(n: int) -> None:
    for number in range(n):
        podium.emit("words", f"word {number}")
    podium.publish("stage", {"done": n})


@workflow
def flow(n: int) -> None:
    emits(n)


@pytest.mark.usefixtures("project")
def test_chunks_values_and_streams_are_shown() -> None:
    with App(STORE):
        flow.options(id="r1").run(3)
    assert command("stream", "r1", "words").stdout.splitlines() == ["word 0", "word 1", "word 2"]
    followed = command("stream", "r1", "words", "--follow", "--after", "1", "--json").stdout.splitlines()
    assert [json.loads(line)["n"] for line in followed] == [2, 3]
    shown = command("stream", "r1").stdout
    assert "stage" in shown
    assert "words  3 chunks" in shown
    assert "nothing is on record" in command("stream", "r1", "no").stderr
