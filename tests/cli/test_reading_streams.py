"""`podium stream`: what a run publishes and emits, read in another process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

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


@dataclass
class Page:  # the command line does not import it
    url: str
    password: str


@task
def reads() -> None:
    podium.emit("pages", Page("a", "hush"))
    podium.emit("pages", 3 + 2j)
    podium.publish("last", Page("b", "hush"))
    podium.publish("api_key", "hush")
    for n in range(6):
        podium.publish(f"n{n}", n)


@workflow
def crawl() -> None:
    reads()


@pytest.fixture
def crawled(project: Path) -> None:
    with App(STORE):
        crawl.options(id="r1").run()


@pytest.mark.usefixtures("crawled")
def test_a_class_that_is_not_imported_here_is_shown_as_recorded() -> None:
    assert command("stream", "r1", "pages").stdout.splitlines() == ["Page(url='a', password=***)", "(3+2j)"]
    lines = command("stream", "r1", "pages", "--follow", "--json").stdout.splitlines()
    assert json.loads(lines[0])["value"] == {"!dataclass": f"{__name__}:Page", "url": "a", "password": "hush"}
    listed = command("stream", "r1").stdout.splitlines()
    assert {"last=Page(url='b', password=***)", "api_key=***", "pages  2 chunks"} <= {*listed}


@pytest.mark.usefixtures("crawled")
def test_show_names_what_a_run_has_published_and_streamed() -> None:
    shown = command("show", "r1").stdout.splitlines()
    published = [line for line in shown if line.startswith("published ")]
    assert published[:2] == ["published api_key=***", "published last=Page(url='b', password=***)"]
    assert len(published) == 5
    assert "3 more published · pages 2 chunks  podium stream r1" in shown
    told = json.loads(command("show", "r1", "--json").stdout)
    assert told["values"]["n5"] == 5
    assert told["streams"] == {"pages": 2}


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
