"""A disk that is full or has become read-only: runs wait, reading goes on, and all do when it is mended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from podium import App, task, workflow
from podium.errors import EngineStopped, StoreFatal
from tests.chaos.mischief import grow, is_root, shrink, small_disk
from tests.chaos.theatre import Theatre
from tests.chaos.witness import View
from tests.store.vfs import FaultyDisk, disk_full, io_error, read_only

gate = threading.Event()
bodies: list[int] = []


@task
def through(number: int) -> int:
    gate.wait(30)
    bodies.append(number)
    return number


@workflow
async def little(number: int) -> list[int]:
    return [through(number), through(number + 1)]


@pytest.fixture(autouse=True)
def shut_gate() -> None:
    gate.clear()
    bodies.clear()


class Ear(logging.Handler):
    """Sets an event when the log says these words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words, self.heard = words, threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.heard.set()


@pytest.fixture
def told() -> Iterator[Callable[[str], threading.Event]]:
    """An event for words in the log."""
    log, ears = logging.getLogger("podium"), list[Ear]()

    def wait_for(words: str) -> threading.Event:
        ears.append(Ear(words))
        log.addHandler(ears[-1])
        return ears[-1].heard

    yield wait_for
    for ear in ears:
        log.removeHandler(ear)


@pytest.mark.parametrize(
    ("fault", "words"), [(disk_full, "the disk is full"), (read_only, "reported an error")]
)
def test_a_disk_that_takes_nothing_makes_runs_wait_and_reading_goes_on(
    tmp_path: Path,
    disk: FaultyDisk,
    told: Callable[[str], threading.Event],
    fault: Callable[[], None],
    words: str,
) -> None:
    trouble, back = told(words), told("the store is back")
    with App(tmp_path / "a.db") as app:
        run = little.start(1)
        other = little.options(delay=0.1).start(7)
        disk.states["write"] = fault
        gate.set()
        assert trouble.wait(30)
        row = app.load(run.id)
        assert (row.state.value, app.history(run.id)) == ("running", [])
        assert app.load(other.id).token == 0, "nothing is claimed meanwhile"
        assert not back.is_set()
        del disk.states["write"]
        assert (run.result(30), other.result(30)) == ([1, 2], [7, 8])
        assert back.is_set()
        assert [entry.kind.value for entry in app.history(run.id)] == ["result"] * 2
    assert sorted(bodies) == [1, 2, 7, 8], "no body ran twice"


def test_a_failed_sync_ends_the_engine_which_says_so_and_the_next_process_goes_on(
    tmp_path: Path, disk: FaultyDisk, told: Callable[[str], threading.Event]
) -> None:
    stops = told(f"failed to sync {tmp_path / 'a.db'}")
    with App(tmp_path / "a.db") as app:
        run = little.start(1)
        id = run.id
        disk.strike("sync", 1, io_error)
        gate.set()
        with pytest.raises(EngineStopped) as caught:
            run.result(30)
        assert isinstance(caught.value.__context__, StoreFatal)
        assert stops.is_set()
        with pytest.raises(EngineStopped):
            little.run(5)
        syncs = disk.counts["sync"]
    assert disk.counts["sync"] == syncs, "closing does not try again"
    with App(tmp_path / "a.db") as app:
        assert app.wait(id).result(30).payload == b"[1,2]"


# -- a real one ---------------------------------------------------------------------------------------


def cut_log(store: Path) -> None:
    """Give back what the log has allocated, which would take the next commits on a full disk."""
    with closing(apsw.Connection(str(store))) as connection:
        connection.set_busy_timeout(10_000)
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall() == [(0, 0, 0)]


@pytest.mark.skipif(not is_root(), reason="mounting a small disk needs root")
def test_processes_on_a_disk_that_is_really_full_go_on_when_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk, closing(Theatre(tmp_path, disk / "a.db")) as theatre:
        process = theatre.start("a")
        run = theatre.at_the_gate(process, "a")
        cut_log(theatre.store)
        assert shrink(disk)
        theatre.shut("end")
        theatre.open("a")
        late = theatre.start("b", lease=1.0)
        theatre.hears(late, "waiting for the store: the disk is full")
        assert theatre.state(run) == "running"
        grow(disk)
        theatre.at_the_gate(late, "b")
        theatre.open("b")
        theatre.open("end")
        for one in (process, late):
            code, out, _ = theatre.ends(one)
            assert (code, len(out.split())) == (0, 3)
        assert View(theatre.store).complaints == []
        assert len(theatre.noted("begins")) == 2
