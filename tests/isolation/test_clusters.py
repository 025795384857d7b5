"""What an engine does about a cluster, with a driver of the test's own in the place of Dask's and Ray's."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from podium import App, Options, RunParked, TaskCrashed, TaskTimeout, UsageError, task, workflow
from podium.env import RealEnv
from podium.errors import ResourceShortage
from podium.executors import cluster, dask_cluster, ray_cluster
from podium.executors.cluster_body import make
from podium.executors.cluster_wire import (
    Down,
    Drop,
    Link,
    Loss,
    Losses,
    Note,
    Notes,
    Refusals,
    Replies,
    Send,
    Up,
    decode_work,
    encode,
)
from podium.model import Kind

OPTIONS = Options(poll=0.05, grace=0)
WHERE = "tcp://worker:1"


@task(executor="dask")
def adds(a: int, b: int) -> int:
    print("adding")
    return a + b


@task(executor="dask", timeout=0.05)
def lingers() -> None:
    pass


@workflow
def sums(a: int, b: int) -> int:
    return adds(a, b)


@workflow
def lingered() -> None:
    lingers()


class FakeDriver:
    """Stands in for a driver's process: the test says what it does with each order."""

    def __init__(self, script: Callable[[FakeDriver, Send | Drop], None]) -> None:
        self.is_local = False
        self.arrived: SimpleQueue[str] = SimpleQueue()
        ours, theirs = socket.socketpair()
        self.link, self.other = Link(ours), Link(theirs)
        self._script = script
        self.has_ended = threading.Event()
        RealEnv().spawn(self._serve, name="fake-driver")

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it is let go of before it has said that it is there
            self.other.send(Up("tcp://scheduler:1", 2))
        while (order := self.other.receive_order()) is not None:
            self._script(self, order)
        self.other.close()

    def made(self, order: Send) -> None:
        """Make the attempts as a worker would."""
        notes: list[bytes] = []
        replies = [(key, make(decode_work(work), WHERE, notes.append)) for key, work in order.works]
        self.other.send(Replies(replies))

    def end(self) -> None:
        self.link.hang_up()
        self.has_ended.set()


class Cluster:
    """What each order meets, in turn; the last goes on for ever. `sent`: the keys of each batch."""

    def __init__(self, *scripts: Callable[[FakeDriver, Send], None]) -> None:
        self.scripts, self.drivers, self.sent = list(scripts), list[FakeDriver](), list[list[str]]()
        self.dropped = threading.Event()

    def driver(self, kind: str, topic: str, address: str) -> FakeDriver:
        made = FakeDriver(self._obey)
        self.drivers.append(made)
        return made

    def _obey(self, driver: FakeDriver, order: Send | Drop) -> None:
        if isinstance(order, Drop):
            self.dropped.set()
            return
        self.sent.append([key for key, _ in order.works])
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        script(driver, order)


def dies(driver: FakeDriver, order: Send) -> None:
    """The worker of each dies under it, with nothing else on it."""
    losses = [Loss(key, f"{WHERE} died", is_death=True, is_alone=True) for key, _ in order.works]
    driver.other.send(Losses(losses))


def hangs_up(driver: FakeDriver, order: Send) -> None:
    driver.other.hang_up()


def begins(driver: FakeDriver, order: Send) -> None:
    driver.other.send(Notes([encode(Note(key, WHERE)) for key, _ in order.works]))


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., App]]:
    monkeypatch.setattr(cluster, "PACKAGES", {"dask": "msgspec", "ray": "msgspec"})
    monkeypatch.setattr(cluster, "PAUSE_SECONDS", 0.01)
    apps: list[App] = []

    def open_with(given: Cluster) -> App:
        monkeypatch.setattr(cluster, "DriverProcess", given.driver)
        executors = {"dask": dask_cluster("tcp://scheduler:1")}
        apps.append(App(tmp_path / "podium.db", options=OPTIONS, executors=executors).__enter__())
        return apps[-1]

    yield open_with
    for app in apps:
        app.__exit__()


def said(app: App, run: str) -> list[str]:
    return [line.text for line in app.store.logs(run)]


def test_an_outcome_comes_back_with_what_the_body_said(opened: Callable[..., App]) -> None:
    app = opened(Cluster(FakeDriver.made))
    run = sums.start(1, 2)
    assert run.result(timeout=30) == 3
    assert said(app, run.id) == ["adding"]


def test_a_driver_that_ends_loses_what_is_under_way_and_another_one_is_started(
    opened: Callable[..., App],
) -> None:
    given = Cluster(hangs_up, FakeDriver.made)
    app = opened(given)
    run = sums.start(1, 2)
    assert run.result(timeout=30) == 3
    assert [entry.kind for entry in run.history()] == [Kind.RESULT]
    assert len(given.drivers) == 2
    assert given.drivers[0].has_ended.is_set()
    assert "attempt 1 is lost: Dask at tcp://scheduler:1 is gone: its driver has ended" in said(app, run.id)


def test_a_cluster_that_cannot_be_reached_is_waited_for_and_the_run_says_so(
    opened: Callable[..., App], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = Cluster(FakeDriver.made)
    app = opened(given)
    refusals = [OSError("no route"), OSError("no route")]

    def refused(*words: str) -> FakeDriver:
        if refusals:
            raise refusals.pop()
        return given.driver(*words)

    monkeypatch.setattr(cluster, "DriverProcess", refused)
    run = sums.start(1, 2)
    assert run.result(timeout=30) == 3
    why = "Dask at tcp://scheduler:1 cannot be reached: no route"
    assert said(app, run.id) == [f"{why}; it begins when it can", "adding"], "once"
    assert [r.getMessage() for r in caplog.records if "route" in r.getMessage()] == [
        f"{why}; its tasks begin when it can"
    ]


def test_what_it_says_that_cannot_be_read_costs_an_attempt_and_no_outcome(opened: Callable[..., App]) -> None:
    def babbles(driver: FakeDriver, order: Send) -> None:
        driver.other.send(Replies([(key, b"no reply") for key, _ in order.works]))

    given = Cluster(babbles, FakeDriver.made)
    app = opened(given)
    run = sums.start(1, 2)
    assert run.result(timeout=30) == 3
    assert given.drivers[0].has_ended.is_set()
    assert "is gone: what it said could not be read" in said(app, run.id)[0]


def test_a_driver_that_cannot_be_made_or_heard_is_tried_again(
    opened: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Cluster(FakeDriver.made)
    app = opened(given)
    failures = [RuntimeError("no driver"), ResourceShortage("no thread")]
    spawn = RealEnv.spawn

    def driver(*words: str) -> FakeDriver:
        if len(failures) == 2:
            raise failures.pop(0)
        return given.driver(*words)

    def spawned(env: RealEnv, *what: Any, name: str) -> threading.Thread:
        if name == "podium-cluster-news" and failures:
            raise failures.pop()
        return spawn(env, *what, name=name)

    monkeypatch.setattr(cluster, "DriverProcess", driver)
    monkeypatch.setattr(RealEnv, "spawn", spawned)
    run = sums.start(1, 2)
    assert run.result(timeout=30) == 3
    assert given.drivers[0].has_ended.is_set()
    assert len(given.drivers) == 2
    assert "cannot be reached: RuntimeError('no driver')" in said(app, run.id)[0]


def test_an_attempt_that_cannot_be_sent_parks_its_run_and_holds_up_no_other(
    opened: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(Cluster(FakeDriver.made))
    order, failures = cluster.order, [MemoryError(), ValueError("odd")]

    def odd(*about: Any, **more: Any) -> Any:
        if failures:
            raise failures.pop()
        return order(*about, **more)

    monkeypatch.setattr(cluster, "order", odd)
    run = sums.start(1, 2)
    with pytest.raises(RunParked, match=r"its attempt cannot be sent: ValueError\('odd'\)"):
        run.result(timeout=30)
    assert sums.start(3, 4).result(timeout=30) == 7, "a lack of memory is waited out"
    run.resume().result()
    assert run.result(timeout=30) == 3


def test_what_the_driver_says_of_a_cluster_that_is_gone_is_told(opened: Callable[..., App]) -> None:
    def down(driver: FakeDriver, order: Send) -> None:
        driver.other.send(Down("the scheduler has left"))
        driver.other.hang_up()

    app = opened(Cluster(down, FakeDriver.made))
    run = sums.start(1, 2)
    assert run.result(timeout=30) == 3
    assert "attempt 1 is lost: Dask at tcp://scheduler:1 is gone: the scheduler has left" in said(app, run.id)


def test_the_second_worker_that_dies_under_a_step_is_its_failure(opened: Callable[..., App]) -> None:
    given = Cluster(dies)
    opened(given)
    with pytest.raises(TaskCrashed, match=r"adds has cost Dask at \S+ 2 workers; .*worker:1 died"):
        sums.start(1, 2).result(timeout=30)
    assert len(given.sent) == 2


def test_deaths_in_company_are_not_counted_and_suspects_run_one_at_a_time(opened: Callable[..., App]) -> None:
    def die_together(driver: FakeDriver, order: Send) -> None:
        if len(waiting) == 2:
            driver.made(order)
            return
        waiting.extend(key for key, _ in order.works)
        if len(waiting) == 2:
            driver.other.send(Losses([Loss(key, f"{WHERE} died", is_death=True) for key in waiting]))

    waiting: list[str] = []
    given = Cluster(die_together)
    opened(given)
    first, second = sums.start(1, 2), sums.start(3, 4)
    assert (first.result(timeout=30), second.result(timeout=30)) == (3, 7)
    assert [len(keys) for keys in given.sent[-2:]] == [1, 1]


def test_a_refused_attempt_parks_its_run_with_why(opened: Callable[..., App]) -> None:
    def refuses(driver: FakeDriver, order: Send) -> None:
        driver.other.send(Refusals([(key, "no module named 'flows'") for key, _ in order.works]))

    opened(Cluster(refuses, FakeDriver.made))
    run = sums.start(1, 2)
    with pytest.raises(RunParked, match=r"adds cannot run on Dask at \S+: no module named 'flows'"):
        run.result(timeout=30)
    run.resume().result()
    assert run.result(timeout=30) == 3


def test_a_timeout_counts_from_the_beginning_and_a_cancelled_attempt_is_dropped(
    opened: Callable[..., App],
) -> None:
    given = Cluster(begins)
    app = opened(given)
    with pytest.raises(TaskTimeout, match=r"longer than its timeout of 0\.05 s on tcp://worker:1"):
        lingered.start().result(timeout=30)
    assert given.dropped.wait(30)
    given.dropped.clear()
    begun = len(given.sent)
    run = sums.start(1, 2)
    while len(given.sent) == begun:
        given.dropped.wait(0.01)
    while not (told := said(app, run.id)):
        given.dropped.wait(0.01)
    assert told == [f"runs on {WHERE}, of Dask at tcp://scheduler:1"]
    run.cancel()
    assert given.dropped.wait(30)


def test_without_the_library_the_run_is_parked_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PACKAGES", {"dask": "no_such_package"})
    what = "adds runs on Dask, and no_such_package is not installed"
    with App(tmp_path / "podium.db", options=OPTIONS), pytest.raises(RunParked, match=what) as told:
        sums.start(1, 2).result(timeout=30)
    assert 'pip install "podium[dask]"' in str(told.value)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(UsageError, match=r"dask_cluster\('scheduler:8786'\): no address"):
        dask_cluster("scheduler:8786")
    assert callable(ray_cluster("10.0.0.1:6379"))
