"""Two engines of one process on one store: nobody alive is taken for dead, whatever happens around them."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from podium import App, Options, task, workflow
from podium.client import StartOptions

LEASE = 0.5
OPTIONS = Options(lease=LEASE, poll=0.05)


@task
async def note(n: int) -> int:
    return n


@workflow
async def naps(seconds: float) -> str:
    await note(1)
    await asyncio.sleep(seconds)
    return "rested"


@workflow
async def quick(n: int) -> int:
    return await note(n)


def see_each_other(*apps: App) -> None:
    """For three leases."""
    threading.Event().wait(3 * LEASE)
    assert [app.host.is_condemned for app in apps] == [False] * len(apps)
    assert {row.id for row in apps[0].store.engines()} == {app.host.id for app in apps}


def both_at_work(one: App, two: App) -> None:
    for app in (one, two):
        app.start(quick._function, (1,), {}, StartOptions()).id.result(30)


def test_a_store_has_one_name_whatever_links_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    with App(tmp_path / "real" / "a.db", options=OPTIONS) as one:
        one.host.listen()
        (tmp_path / "link.db").symlink_to(tmp_path / "real" / "a.db")
        with (
            App(tmp_path / "folder" / "a.db", options=OPTIONS) as two,
            App(tmp_path / "link.db", options=OPTIONS) as three,
        ):
            both_at_work(two, three)
            see_each_other(one, two, three)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link.db", "real"]


def test_a_store_stays_where_it_is_when_its_process_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with App("a.db", options=OPTIONS) as one, App("a.db", options=OPTIONS) as two:
        one.host.listen()
        (tmp_path / "elsewhere").mkdir()
        os.chdir(tmp_path / "elsewhere")
        both_at_work(one, two)
        see_each_other(one, two)
        assert [one.is_alive(row) for row in one.store.engines()] == [True, True]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_who_removes_the_locks_kills_nobody(store: Path) -> None:
    with App(store, options=OPTIONS) as one, App(store, options=OPTIONS) as two:
        both_at_work(one, two)
        shutil.rmtree(f"{store}-locks")
        see_each_other(one, two)


def test_a_log_that_takes_long_to_copy_silences_nobody(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with App(store, options=OPTIONS) as one, App(store, options=OPTIONS) as two:
        both_at_work(one, two)
        copying, copied = threading.Event(), threading.Event()

        def copy() -> None:
            copying.set()
            copied.wait(30)

        monkeypatch.setattr(one.store, "checkpoint_due", lambda: True)
        monkeypatch.setattr(one.store, "checkpoint", copy)
        assert copying.wait(30)
        see_each_other(one, two)
        monkeypatch.undo()
        copied.set()


def test_a_notice_that_cannot_be_given_is_the_callers_trouble_and_nobody_elses(store: Path) -> None:
    with App(store, starter="/s.py", options=Options(grace=0.1)) as app:
        left = app.start(naps._function, (0.5,), {}, StartOptions()).id.result(30)

    def broken(text: str) -> None:
        raise OSError("no space left on device")

    with App(store, starter="/s.py", notice=broken, options=OPTIONS) as app:
        started = app.starts.one(naps._function, (0.5,), {}, StartOptions(), watch=True)
        with pytest.raises(OSError, match="no space"):
            started.id.result(30)
        assert app.wait(left).result(10).state.value == "succeeded"
        both_at_work(app, app)
        assert app.host.engine.failure is None
