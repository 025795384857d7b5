"""The monitor on a real server: its numbers, undisturbed and with a kill in the middle."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError

import pytest

import podium
from examples.monitor import readings, serve, source
from examples.monitor.table import Datasette
from podium import App
from podium.model import Query, State
from tests import forkserver
from tests.embedded.sinks import Hook
from tests.waiting import until

ROOT = Path(__file__).parents[2]
MACHINE = readings.LIMITS["machine"]
SAID = "4,044 retrieved, 4,032 stored, 102 below 50, 3 episodes"


class Served:
    """The example's own server, in a process of its own, and what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "server.log"
        with self._log.open("w") as log:
            self.process = forkserver.Popen(
                [sys.executable, "-m", "examples.monitor.serve"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.table = self.process.stdout.readline().strip()

    def asked(self) -> Counter[str]:
        return Counter(re.findall(r'"GET (\S+) ', self._log.read_text()))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def job(served: Served, folder: Path) -> subprocess.Popen[str]:
    words = ["-m", "examples.monitor", served.table, "--file", str(folder / "out.db")]
    environment = {**os.environ, "PODIUM_URL": str(folder / "podium.db"), "PYTHONPATH": str(ROOT)}
    return forkserver.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_killed_in_the_middle_it_retrieves_no_recorded_page_again(served: Served, tmp_path: Path) -> None:
    first = job(served, tmp_path)
    until(lambda: served.asked().total() >= 2)
    first.kill()
    first.communicate()
    said, _ = job(served, tmp_path).communicate(timeout=30)
    assert SAID in said
    asked = served.asked()
    assert len(asked) == 5, "pages"
    assert asked.total() <= 5 + 1, "one was in flight"


def test_readings_are_transformed_and_checked() -> None:
    found = readings.transform(serve.made())
    assert len(found) == serve.ROWS
    assert readings.check(found, MACHINE) == found
    assert [each.readings for each in readings.episodes(found, MACHINE.low)] == [30, 12, 60]
    with pytest.raises(readings.Untrusted, match="no reading from"):
        readings.check([*found[:100], *found[200:]], MACHINE)


@pytest.fixture
def datasette(tmp_path: Path) -> Iterator[Datasette]:
    served = Datasette(serve.made(), tmp_path)
    yield served
    served.close()


def asked(datasette: Datasette) -> int:
    return datasette.log.read_text().count('"GET /machine/readings.json')


def looks(folder: Path, table: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "PODIUM_URL": str(folder / "podium.db"), "PYTHONPATH": str(ROOT), "MONITOR_URL": table,
        "MONITOR_FILE": str(folder / "out.db"), **settings,
    }  # fmt: skip
    return forkserver.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_table_of_a_real_datasette_gives_the_same_numbers(datasette: Datasette, tmp_path: Path) -> None:
    said = looks(tmp_path, datasette.table, "-m", "examples.monitor", datasette.table, "--file", "out.db")
    assert SAID in said.stdout
    assert asked(datasette) == 5


def test_rows_without_a_value_are_counted_and_not_stored(tmp_path: Path) -> None:
    """As the weekly carbon dioxide of Mauna Loa comes: a date without dashes, and weeks without a number."""
    weeks = [date(1958, 3, 29) + timedelta(weeks=n) for n in range(40)]
    lines = [f"{day:%Y%m%d},{'' if 10 <= n < 18 else 310 + n / 10}" for n, day in enumerate(weeks)]
    (tmp_path / "co2.csv").write_text("date,co2\n" + "\n".join(lines) + "\n")
    said = looks(
        tmp_path, "", "-m", "examples.monitor", "--of", "co2", "--csv", "co2.csv", "--file", "out.db"
    )
    assert "40 retrieved, 8 without a value, 32 stored, 0 below 300, 0 episodes" in said.stdout, said.stderr


def test_a_failed_check_stores_nothing_is_told_and_its_retry_retrieves_nothing(
    datasette: Datasette, tmp_path: Path
) -> None:
    hook = Hook()
    strict = {"MONITOR_GAP": "0.01h", "PODIUM_CHANNEL_OPS": hook.url}
    failed = looks(tmp_path, datasette.table, "-m", "examples.monitor", datasette.table, **strict)
    assert "no reading from" in failed.stderr
    assert not (tmp_path / "out.db").exists(), "nothing was stored"
    with App(tmp_path / "podium.db", drives="nothing") as app:
        (row,) = app.find(Query(states=frozenset({State.FAILED})))
    known = asked(datasette)
    assert known == 5
    retried = looks(tmp_path, datasette.table, "-m", "podium", "retry", row.id)
    assert retried.returncode == 0, retried.stderr
    assert asked(datasette) == known, "a re-check fetches nothing"
    with App(tmp_path / "podium.db", drives="nothing") as app:
        points = podium.series("machine.lowest", app=app)
    assert [round(point.value) for point in points] == [23]
    assert [post.body["kind"] for post in hook.posts] == ["failed"], "told by the script that failed"
    hook.close()


def test_a_scheduler_stops_for_a_while_then_there_are_two(served: Served, tmp_path: Path) -> None:
    environment = {
        **os.environ, "PODIUM_URL": str(tmp_path / "podium.db"), "PYTHONPATH": str(ROOT),
        "MONITOR_URL": served.table, "MONITOR_FILE": str(tmp_path / "out.db"), "MONITOR_EVERY": "1s",
    }  # fmt: skip
    words = [sys.executable, "-m", "podium", "worker", "examples.monitor.flow"]

    def worker() -> subprocess.Popen[bytes]:
        return forkserver.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)

    def done() -> list[str]:
        with App(tmp_path / "podium.db", drives="nothing") as app:
            query = Query(states=frozenset({State.SUCCEEDED}), limit=1000)
            return [row.id for row in app.find(query) if row.function.endswith(":monitor")]

    first = worker()
    until(lambda: (tmp_path / "podium.db").exists() and len(done()) >= 2)
    first.kill()
    first.communicate()
    known = len(done())
    time.sleep(3.0)  # instants at which nobody is there
    both = [worker(), worker()]
    until(lambda: len(done()) >= known + 6)
    for each in both:
        each.kill()
        each.communicate()
    with App(tmp_path / "podium.db", drives="nothing") as app:
        (schedule,) = podium.schedules(app)
        runs = [row.id for row in app.find(Query(limit=1000)) if row.function.endswith(":monitor")]
    standing = schedule.standing
    at = sorted(datetime.fromisoformat(id.rpartition("@")[2]).timestamp() for id in runs)
    handled = int(standing.handled - at[0]) + 1
    assert handled >= known + 6
    # As `overlap="skip"` has it, an instant at which the last run had not ended is left out, and listed.
    told = sorted(
        [*(each for each in at if each <= standing.handled), *standing.missed_at, *standing.pending]
    )
    assert told == [at[0] + n for n in range(handled)], (
        "each instant once: started, in line, or listed as left out"
    )


def test_an_answer_that_is_refused_holds_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    body = io.BytesIO(b"no such table")

    def refuses(*_: object, **__: object) -> None:
        raise HTTPError("http://source/table.json", 404, "Not Found", Message(), body)

    monkeypatch.setattr("urllib.request.urlopen", refuses)
    with pytest.raises(ValueError, match="404 Not Found") as refused:
        source.retrieve(source.first_page("http://source/table"))
    assert body.closed, refused  # while somebody has the error
