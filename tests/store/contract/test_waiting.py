"""`wait`: hints that something may have happened, which may be late or for nothing."""

from __future__ import annotations

import threading

from podium.store import Store
from tests.store.conftest import Opener
from tests.store.words import commit, fenced, own, queue, result


def test_whoever_waits_for_changes_is_told_of_each_commit_once(store: Store, reopen: Opener) -> None:
    watcher = reopen()
    assert watcher.wait(0.0, changes=True), "the first look finds everything new"
    assert not watcher.wait(0.0, changes=True)
    queue(store, "r1")
    assert watcher.wait(5.0, changes=True)
    assert not watcher.wait(0.0, changes=True)


def test_a_change_between_two_waits_is_not_missed(store: Store, reopen: Opener) -> None:
    watcher = reopen()
    watcher.wait(0.0, changes=True)
    own(store, "r1")
    commit(store, fenced(entries=(result(1),)))
    assert watcher.wait(0.0, changes=True)


def test_a_change_ends_a_wait_that_is_under_way(store: Store, reopen: Opener) -> None:
    watcher = reopen()
    watcher.wait(0.0, changes=True)
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(watcher.wait(30.0, changes=True)))
    waiting.start()
    queue(store, "r1")
    waiting.join(30)
    assert answers == [True]


def test_a_wait_without_an_engine_and_without_changes_lasts_its_time(store: Store, reopen: Opener) -> None:
    other = reopen()
    queue(store, "r1")
    assert not other.wait(0.01)
