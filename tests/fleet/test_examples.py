"""Examples on PostgreSQL with several workers, of which one is killed: what they come to on a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podium import App
from podium.model import Kind, Query
from tests.examples.support import program
from tests.examples.test_ml_pipeline import NAME, some_digits
from tests.examples.test_wordcount import (
    site,
    test_a_worker_is_added_and_one_is_killed_and_no_page_is_counted_twice,
)
from tests.waiting import until

__all__ = ["site", "test_a_worker_is_added_and_one_is_killed_and_no_page_is_counted_twice"]

ROOT = Path(__file__).parents[2]
SECONDS = 120.0


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
