"""Examples on PostgreSQL with several workers, of which one is killed: what they come to on a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples.content_moderation.orchestrator import moderate_site
from podium import App
from podium.model import Kind, Query
from tests.examples.conftest import Web, web
from tests.examples.support import program
from tests.examples.test_ml_pipeline import NAME, some_digits
from tests.examples.test_wordcount import (
    site,
    test_a_worker_is_added_and_one_is_killed_and_no_page_is_counted_twice,
)
from tests.waiting import until

__all__ = ["site", "test_a_worker_is_added_and_one_is_killed_and_no_page_is_counted_twice", "web"]

ROOT = Path(__file__).parents[2]
SECONDS = 120.0
PAGES, LIMIT = 60, 4


@pytest.fixture
def store(url: str) -> str:
    """Where the runs are."""
    return url


def fits(app: App) -> int:
    """How many are on record."""
    return sum(
        entry.kind is Kind.RESULT and "score" in entry.step
        for row in app.store.find(Query(limit=100))
        for entry in app.store.history(row.id)
    )


def test_a_sweep_over_two_workers_of_which_one_is_killed(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its images and models are values by reference, in a folder that both have."""
    monkeypatch.chdir(ROOT)
    some_digits(tmp_path)
    settings = {"PODIUM_URL": store, "PODIUM_PROJECT": "digits", "PODIUM_VALUES": str(tmp_path / "values")}
    worker = ("podium", "worker", "examples.ml_pipeline.flow")
    with App(store, drives="nothing", starter="") as app:
        workers = [program(tmp_path, *worker, **settings) for _ in range(2)]
        until(lambda: len(app.store.engines()) == 2)
        asking = program(tmp_path, NAME, "digits.csv", PODIUM_ENGINE="off", **settings)
        until(lambda: fits(app) >= 10, seconds=SECONDS)
        owners = {row.owner for row in app.store.find(Query(limit=10))}
        pids = {engine.pid for engine in app.store.engines() if engine.id in owners}
        victim = next(process for process in workers if process.pid in pids)
        victim.kill()
        out, _ = asking.communicate(timeout=SECONDS)
        assert re.search(r"^baseline \d+/200\nbest ", out, re.MULTILINE)
    for process in workers:
        process.terminate()
        process.communicate(timeout=SECONDS)


def test_a_crawl_goes_on_with_a_worker_that_was_added_when_its_own_is_killed(
    tmp_path: Path, store: str, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    web.page("/", " ".join(f'<a href="/{n}">{n}</a>' for n in range(PAGES)))
    for n in range(PAGES):
        web.page(f"/{n}", f'It has begun. <a href="/{(n + 1) % PAGES}">on</a>')
    web.seconds = 0.02
    settings = {"PODIUM_URL": store}
    worker = ("podium", "worker", "examples.content_moderation.orchestrator")
    with App(store, drives="nothing", starter="") as app:
        first = program(tmp_path, *worker, **settings)
        run = moderate_site.start(web.url, limit=LIMIT)
        until(lambda: len(web.asked) > PAGES // 4)
        first.kill()
        at_work = len(web.asked)
        assert at_work < PAGES, "it is killed in the middle"
        added = program(tmp_path, *worker, **settings)
        report = run.result(60)
        assert (report.pages, report.ratings["safe"], report.broken) == (PAGES + 1, PAGES + 1, ())
        assert {row.owner for row in app.store.find(Query(limit=10))} == {None}
    assert len(web.asked) - len(set(web.asked)) <= LIMIT, "no page is asked for again but those in flight"
    for process in (first, added):
        process.terminate()
        process.communicate(timeout=SECONDS)
