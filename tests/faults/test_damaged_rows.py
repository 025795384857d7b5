"""A row that holds what Podium never writes concerns its own run: that one is parked, the others go on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

import podium
from podium import App, DamagedRecord, Options, RunCancelled, RunParked, task, workflow
from podium.model import Query, State, read_reason
from tests.waiting import until

RUNS = [f"r{n}" for n in range(4)]
BAD, *GOOD = RUNS


@task
def step(n: int) -> int:
    return n


@workflow
def rests(n: int) -> int:
    step(n)
    podium.sleep(3600)
    return n


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Of runs that have a step on record and wait, which nobody drives."""
    file = tmp_path / "podium.db"
    with App(file, starter="") as app:
        rests.start_many(range(len(RUNS)), id=lambda n: RUNS[n])
        until(lambda: {row.state for row in app.find(Query())} == {State.WAITING})
    return file


def damage(file: Path, statement: str) -> None:
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute(statement.replace("BAD", f"(SELECT key FROM runs WHERE id = '{BAD}')"))
        assert connection.changes() == 1


IN_HISTORY = {
    "a kind that is none": "UPDATE history SET kind = 'x' WHERE run = BAD AND seq = 1",
    "a payload that is missing": "UPDATE history SET payload = hex(zeroblob(32)) WHERE run = BAD AND seq = 1",
}
IN_ROWS = {
    "a state that is none": "UPDATE runs SET state = 'x' WHERE key = BAD",
    "a reason that is missing": "UPDATE runs SET state = 'parked', payload = hex(zeroblob(32)) "
    "WHERE key = BAD",
    "arguments that are missing": "UPDATE runs SET args = hex(zeroblob(32)), due = 0 WHERE key = BAD",
}


@pytest.mark.parametrize("what", [*IN_HISTORY, "arguments that are missing"])
def test_a_run_whose_record_cannot_be_read_is_parked_alone(store: Path, what: str) -> None:
    damage(store, (IN_HISTORY | IN_ROWS)[what])
    with App(store, starter="", options=Options(poll=0.05)) as app:
        runs = [rests.get(id) for id in RUNS]
        for id in RUNS:  # all are taken up together
            if app.load(id).state is State.WAITING:
                app.cancel(id).result(10)
        for run in runs[1:]:
            with pytest.raises(RunCancelled):
                run.result(30)
        with pytest.raises(RunParked, match=r"cannot be read|are missing"):
            runs[0].result(30)
        row = app.load(BAD)
        assert row.state is State.PARKED
        assert read_reason(row.payload).code == DamagedRecord.code


def test_a_message_that_cannot_be_read_parks_its_run_and_holds_up_no_other(store: Path) -> None:
    with App(store, starter="", drives="nothing") as app:
        for id in RUNS:
            app.cancel(id).result(10)
    damage(store, "UPDATE inbox SET payload = hex(zeroblob(32)) WHERE run = BAD")
    with App(store, starter="", options=Options(poll=0.05)) as app:
        for run in [rests.get(id) for id in GOOD]:
            with pytest.raises(RunCancelled):
                run.result(30)
        with pytest.raises(RunParked, match=rf"message 1 of run {BAD} cannot be read"):
            rests.get(BAD).result(10)
        assert read_reason(app.load(BAD).payload).code == DamagedRecord.code


@pytest.mark.parametrize("what", IN_ROWS)
def test_a_row_that_cannot_be_read_is_listed_as_parked_beside_the_others(store: Path, what: str) -> None:
    damage(store, IN_ROWS[what])
    with App(store, starter="", drives="nothing") as app:
        found = {row.id: row for row in app.find(Query())}
        assert sorted(found) == RUNS
        assert {found[id].state for id in GOOD} == {State.WAITING}
        assert found[BAD].state is State.PARKED
        assert f"the row of run {BAD} cannot be read" in read_reason(found[BAD].payload).what
        assert "cannot be read" in podium.get(BAD).why()


def test_a_reason_that_cannot_be_read_is_told_as_such() -> None:
    assert read_reason(b"").code == DamagedRecord.code
    assert read_reason(b'{"code": 7}').code == DamagedRecord.code
