"""Three services and a log that is down: the numbers, killed twice, and without the model."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from examples.model_deployment import digits
from examples.model_deployment.models import halves
from examples.model_deployment.serve import serving
from tests.examples.support import program, said
from tests.waiting import until

NAME = "examples.model_deployment"
BATCHES, IMAGES = 31, 899
ANSWERED = "31 batches, 871/899\n"
RECORDED = "899 rows in the log, the shadow model differs in 5\n"


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, str]]:
    """The first two, each slow enough to be met at work."""
    with serving("inputs", seconds=0.02) as inputs, serving("model", seconds=0.02) as model:
        yield {"INPUTS_URL": inputs.url, "MODEL_URL": model.url}


def test_the_small_model_is_the_mean_of_each_digit_that_was_learnt_from() -> None:
    images, labels, *_ = halves()
    means = [images[labels == digit].mean(axis=0).round().tolist() for digit in range(10)]
    assert means == digits.MEANS


def asked(url: str) -> dict[str, int]:
    """How many requests a service has answered and refused."""
    with urllib.request.urlopen(f"{url}/seen", timeout=10) as answer:
        found: dict[str, int] = json.load(answer)
        return found


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as log:
        return int(log.execute("select count(*) from row").fetchone()[0])


def test_it_brings_services_and_an_outage_of_its_own(tmp_path: Path) -> None:
    assert said(tmp_path, NAME) == ANSWERED + "the log is back, with 0 rows\n" + RECORDED


def test_a_log_that_dies_on_the_way_gets_every_row(services: dict[str, str], tmp_path: Path) -> None:
    before = {name: asked(url) for name, url in services.items()}
    file = tmp_path / "log.db"
    with serving("log", file=file, seconds=0.02) as log:
        process = program(tmp_path, NAME, **services, LOG_URL=log.url)
        until(lambda: rows(file) > 5 * 29)
    assert rows(file) < IMAGES
    with serving("log", at=log.url, file=file):
        assert process.communicate(timeout=60)[0] == ANSWERED + RECORDED
        assert asked(log.url)["refused"] == 0, "it bears four, and is asked for two at once"
    assert rows(file) == IMAGES
    met = {name: asked(url) for name, url in services.items()}
    for name, requests in (("INPUTS_URL", BATCHES), ("MODEL_URL", 2 * BATCHES)):
        assert met[name]["answered"] - before[name]["answered"] == requests
        assert met[name]["refused"] == before[name]["refused"], "no more at once than it bears"


def test_killed_on_the_way_and_in_the_outage_it_loses_nothing(
    services: dict[str, str], tmp_path: Path
) -> None:
    model, file = services["MODEL_URL"], tmp_path / "log.db"
    with serving("log", file=file) as log:
        at = log.url  # it is down from here on
    words, urls = (NAME, "--id", "one"), {**services, "LOG_URL": at}
    before = asked(model)["answered"]
    first = program(tmp_path, *words, **urls)
    until(lambda: asked(model)["answered"] >= before + 8)
    first.kill()
    assert first.communicate()[0] == ""
    second = program(tmp_path, *words, **urls)
    assert second.stdout is not None
    assert second.stdout.readline() == ANSWERED
    until(lambda: asked(model)["answered"] > before + BATCHES)  # it is at the records
    second.kill()
    second.communicate()
    assert rows(file) == 0
    with serving("log", at=at, file=file):
        assert said(tmp_path, *words, **urls) == ANSWERED + RECORDED
    assert rows(file) == IMAGES
    assert asked(model)["answered"] - before <= 2 * BATCHES + 4 + 2, "those under way alone are made again"


def test_without_the_model_a_small_one_answers_and_the_log_says_so(
    services: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "log.db"
    with serving("log", file=file) as log:
        nowhere = "http://127.0.0.1:1"
        told = said(tmp_path, NAME, **{**services, "MODEL_URL": nowhere, "LOG_URL": log.url})
    assert told == (
        "31 batches, 31 of them by the fallback, 784/899\n899 rows in the log, there was no shadow model\n"
    )
    with closing(sqlite3.connect(file)) as found:
        by = {json.loads(row)["by"] for (row,) in found.execute("select said from row")}
    assert (rows(file), by) == (IMAGES, {"fallback"})
