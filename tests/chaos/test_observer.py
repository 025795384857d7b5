"""The judges see what they are there for: each broken promise, made up, is noticed, and a stall is told."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from podium.model import Move, State
from podium.store.sqlite import SqliteStore
from tests.chaos import storm
from tests.chaos.ledger import Ledger, write_line
from tests.chaos.observer import Frozen, Observer
from tests.store.words import commit, engine, fenced, own, result

ANOTHER = (
    "INSERT INTO history SELECT run, {}, kind, at, 's#2', digest, payload, began, attempt, due, module, name,"
    " policy FROM history"
)


class Scene:
    """A store with the run r1 of the engine e1, a ledger, and an observer that has seen them."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "a.db")
        self.store.migrate()
        self.store.announce(engine("e1", pid=os.getpid()))
        own(self.store, "r1")
        self.ledger = folder / "ledger"
        self.body()
        commit(self.store, fenced(entries=(result(1, payload=b'"v"'),)))
        self.observer = Observer(folder / "a.db", Ledger(self.ledger))
        self.look()

    def body(self) -> None:
        """One begins, now, in this process."""
        write_line(str(self.ledger), "r1:s#1", 1, "v", os.getpid(), time.monotonic())

    def look(self) -> None:
        self.observer._runs_looked = 0.0
        self.observer.look()

    def tamper(self, statement: str) -> None:
        other = apsw.Connection(str(self.observer.store))
        other.execute(statement)
        other.close()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def begins_again(scene: Scene) -> None:
    scene.body()


def recorded_twice(scene: Scene) -> None:
    commit(scene.store, fenced(entries=(result(2, step="s#1", payload=b'"w"'),)))


def another_owner_with_the_same_token(scene: Scene) -> None:
    scene.tamper("UPDATE runs SET owner = 'e2'")


def goes_on_after_its_end(scene: Scene) -> None:
    commit(scene.store, fenced(move=Move(State.SUCCEEDED, payload=b"[]")))
    scene.look()
    scene.tamper(ANOTHER.format(2))


def leaves_a_gap(scene: Scene) -> None:
    scene.tamper(ANOTHER.format(3))


def fails(scene: Scene) -> None:
    commit(scene.store, fenced(move=Move(State.FAILED, payload=b"{}")))


@pytest.mark.parametrize(
    ("crime", "name"),
    [
        (begins_again, "never again"),
        (recorded_twice, "once"),
        (another_owner_with_the_same_token, "token"),
        (goes_on_after_its_end, "final"),
        (leaves_a_gap, "gapless"),
        (fails, "succeeded"),
    ],
)
def test_a_broken_promise_is_noticed(scene: Scene, crime: Callable[[Scene], None], name: str) -> None:
    assert scene.observer.violations == []
    crime(scene)
    scene.look()
    assert [violation.partition(":")[0] for violation in scene.observer.violations] == [name]
    scene.store.close()


def test_a_process_that_was_frozen_may_finish_its_thought_and_no_more(scene: Scene) -> None:
    now = time.monotonic()
    scene.observer.frozen.append(Frozen(os.getpid(), now - 60.0, now))
    scene.body()
    scene.look()
    assert (scene.observer.violations, scene.observer.by_zombies, scene.observer.extra) == ([], 1, 1)
    scene.observer.frozen[0].until = now - 30.0
    scene.body()
    scene.look()
    assert len(scene.observer.violations) == 1
    scene.store.close()


@pytest.mark.parametrize(("awake", "excused"), [(1.0, True), (30.0, False)])
def test_frozen_again_before_it_could_look_it_knows_no_more(
    scene: Scene, awake: float, excused: bool
) -> None:
    """What is on record was shown in its first pause; its body begins after the second."""
    now = time.monotonic()
    scene.observer.frozen += [
        Frozen(os.getpid(), now - 60.0, now),
        Frozen(os.getpid(), now + awake, now + 60.0),
    ]
    write_line(str(scene.ledger), "r1:s#1", 1, "v", os.getpid(), now + 61.0)
    scene.look()
    assert (scene.observer.by_zombies, len(scene.observer.violations)) == ((1, 0) if excused else (0, 1))
    scene.store.close()


@pytest.mark.slow
def test_a_stall_is_told_with_rows_and_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody whom the storm does not know holds the lock for ever."""
    stuck = storm.Storm(storm.Plan(20, 0, {}, workers=1), tmp_path, random.Random(1))
    stuck.feeder.allow(20)
    while not stuck.observer.lines:
        stuck.wait(0.05)
    monkeypatch.setattr(storm, "STALL_SECONDS", 2.0)  # not before: a worker may take longer to start
    intruder = apsw.Connection(str(stuck.fleet.store))
    intruder.set_busy_timeout(10_000)
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(storm.Stalled) as caught:
        stuck.wait(60.0)
    intruder.close()
    stuck.feeder.end()
    stuck.close()
    told = str(caught.value)
    assert "six-0 ('running', 1," in told
    assert "podium/engine/host.py" in told, "where the worker's threads are"
