"""`options(unique=, if_exists=)`: one unfinished run by a name."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import podium
from podium import App, task, workflow

gate = threading.Event()


@pytest.fixture(autouse=True)
def _closed() -> None:
    gate.clear()


@task
def waits(city: str) -> str:
    assert gate.wait(20)
    return city


@workflow
def sync(city: str) -> str:
    return waits(city)


@workflow
def begins_one() -> str:
    return sync.options(unique="x").run("Oslo")


def test_another_start_by_the_name_gives_the_unfinished_run_whatever_its_arguments(app: App) -> None:
    by_name = sync.options(unique="sync")
    first = by_name.start("Oslo")
    assert by_name.start("Rome").id == first.id
    gate.set()
    assert first.result(timeout=20) == "Oslo"
    again = by_name.start("Rome")
    assert again.id != first.id, "the name is free once its run has ended"
    assert again.result(timeout=20) == "Rome"


def test_one_that_is_there_can_be_rejected(app: App) -> None:
    first = sync.options(unique="sync").start("Oslo")
    with pytest.raises(podium.IdConflict, match="holds the name 'sync', and sync"):
        sync.options(unique="sync", if_exists="reject").start("Rome")
    sync.options(id="monday", if_exists="reject").start("Oslo")
    with pytest.raises(podium.IdConflict, match="run 'monday' exists, and sync"):
        sync.options(id="monday", if_exists="reject").start("Oslo")
    gate.set()
    assert first.result(timeout=20) == "Oslo"


def test_many_who_start_it_at_once_get_one_run(app: App, store: Path) -> None:
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.append(sync.options(unique="sync").start("Oslo").id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    gate.set()


def test_what_cannot_be_is_refused(app: App) -> None:
    with pytest.raises(podium.UsageError, match="text is needed"):
        sync.options(unique=" ")
    with pytest.raises(podium.UsageError, match='"attach" or "reject"'):
        sync.options(if_exists="replace")
    with pytest.raises(podium.UsageError, match="in a workflow's body"):
        begins_one.run()
