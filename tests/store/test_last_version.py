"""A store of the last version, with runs in every state, is upgraded when it is opened, and its runs go on.

`last_version/store.sql` was made by `last_version/make.py` with that version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import podium
from podium import App
from podium.executors import Attempt
from podium.model import Fence, Kind, Outcome, Query, State, Write
from podium.store import Store
from podium.store.sqlite import SqliteStore
from tests.store.last_version import flows
from tests.store.words import row

DUMP = Path(flows.__file__).with_name("store.sql")
RETRY = "1m8daschw6athykjf4"  # of the run "again"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return _made(tmp_path / "podium.db", DUMP.read_text())


@pytest.fixture
def stem_file(tmp_path: Path) -> Path:
    """As if `flows` had been a script."""
    return _made(tmp_path / "stem.db", DUMP.read_text().replace("tests.store.last_version.flows:", "flows:"))


def _made(path: Path, dump: str) -> Path:
    raw = apsw.Connection(str(path))
    rows_of_x = re.compile(r"<(\d+)x>")
    raw.execute(rows_of_x.sub(lambda found: "78" * int(found[1]), dump))
    raw.close()
    return path


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    store = SqliteStore(file)
    store.migrate()
    yield store
    store.close()


def kinds(store: Store, run: str) -> list[Kind]:
    return [entry.kind for entry in store.history(run)]


def test_an_upgraded_store_has_the_schema_of_a_new_one(store: Store, file: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    with_new = SqliteStore(new)
    with_new.migrate()
    with_new.close()
    assert _schema(file) == _schema(new)


def _schema(file: Path) -> list[tuple[str, str]]:
    raw = apsw.Connection(str(file))
    found = raw.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    raw.close()
    return found


def test_every_run_is_there_in_its_state(store: Store) -> None:
    assert {one.id: one.state for one in store.find(Query())} == {
        "queued": State.QUEUED,
        "dies": State.RUNNING,
        RETRY: State.FAILED,
        "clashing": State.WAITING,
        "retrying": State.WAITING,
        "cancelled": State.CANCELLED,
        "cancelling": State.WAITING,
        "sleeping": State.WAITING,
        "parked": State.PARKED,
        "again": State.FAILED,
        "failed": State.FAILED,
        "succeeded": State.SUCCEEDED,
    }


def test_runs_have_the_fields_that_were_not_there(store: Store) -> None:
    succeeded, retry, queued = (row(store, run) for run in ("succeeded", RETRY, "queued"))
    assert (succeeded.seed, succeeded.root) == ("succeeded", "succeeded")
    assert (succeeded.origin, succeeded.parent) == ("", "")
    assert (succeeded.began, queued.began) == (succeeded.started, None)
    assert (retry.origin, retry.parent, retry.copied) == ("again", "", 1)
    assert queued.tags == ("nightly", "eu")
    assert {one.id for one in store.find(Query(tag="nightly"))} == {"queued", "succeeded"}


def test_what_stood_in_bytes_stands_in_fields(store: Store) -> None:
    assert kinds(store, "dies") == [Kind.RESULT, Kind.START]
    assert kinds(store, "failed") == [Kind.RESULT, Kind.RETRY, Kind.RETRY, Kind.ERROR]
    first, retry, *_ = store.history("failed")
    assert (first.step, first.module) == ("/step", "tests.store.last_version.flows")
    assert (retry.step, retry.policy, retry.payload[:1]) == ("/shaky", 0, b"{")
    (_, message) = store.history("cancelled")
    assert (message.kind, message.name) == (Kind.MESSAGE, "cancel:")
    assert [line.step for line in store.logs("dies")] == ["/step"]


def test_two_functions_of_one_name_count_together_in_the_order_of_their_outcomes(store: Store) -> None:
    steps = [(entry.step, entry.module.rpartition(".")[2]) for entry in store.history("clashing")]
    assert steps == [("/step", "flows"), ("/step#1", "more"), ("/step#2", "flows"), ("/step#3", "more")]


def test_a_message_lies_in_a_numbered_inbox_and_makes_its_run_due(store: Store) -> None:
    found = row(store, "cancelling")
    assert (found.inbox, found.messages, found.due) == (1, 1, 0.0)
    (message,) = store.inbox("cancelling")
    assert (message.n, message.kind) == (1, "cancel")


def test_blobs_are_named_by_what_they_hold_and_rows_still_lead_to_them(store: Store) -> None:
    assert store.history("succeeded")[0].payload == b'"' + b"x" * 300_000 + b'"'
    found = row(store, "failed")
    assert found.payload.startswith(b"{")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The idempotency keys of attempts, by run."""
    found: dict[str, list[str]] = {}
    call = Attempt.call

    def noted(attempt: Attempt) -> Any:
        found.setdefault(attempt.run, []).append(attempt.idempotency_key)
        return call(attempt)

    monkeypatch.setattr(Attempt, "call", noted)
    return found


def test_a_step_keeps_the_idempotency_key_that_an_attempt_may_have_used_before(
    store: Store, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, list[str]]
) -> None:
    (tmp_path / "mended").touch()
    monkeypatch.chdir(tmp_path)
    (dead,) = store.engines()
    store.release({dead.id: dead.beat}, 0.0)
    with App(f"sqlite:///{file}") as app:
        retried = app.retry("failed").id.result()
        new = flows.succeeds.start(1)
        for run in ("retrying", "clashing", "dies", retried, new.id):
            podium.get(run).result()
    place = "tests.store.last_version"
    assert keys["retrying"] == [f"retrying:/{place}.flows:patient"]
    assert keys["dies"] == [f"dies:/{place}.flows:deadly"]
    # Those of one name were counted apart: two of each are on record.
    assert keys["clashing"] == [f"clashing:/{place}.more:step#2", f"clashing:/{place}.flows:step#2"]
    assert keys[retried] == [f"failed:/{place}.flows:shaky"]
    assert keys[new.id] == [f"{new.id}:/big", f"{new.id}:/step"]


def test_so_does_a_step_of_a_script_that_was_called_by_its_file_stem(
    stem_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, list[str]]
) -> None:
    (tmp_path / "mended").touch()
    monkeypatch.chdir(tmp_path)
    store = SqliteStore(stem_file)
    store.migrate()
    waiting = Fence("retrying", row(store, "retrying").token, frozenset({State.WAITING}))
    (verdict,) = store.commit(None, [Write(waiting, rename=flows.retries.name)])
    assert verdict.outcome is Outcome.DONE
    store.close()
    with App(f"sqlite:///{stem_file}"):
        podium.get("retrying").result()
    assert keys["retrying"] == ["retrying:/flows:patient"]


def test_every_run_goes_on(store: Store, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mended").touch()
    monkeypatch.chdir(tmp_path)
    (dead,) = store.engines()
    store.release({dead.id: dead.beat}, 0.0)
    with App(f"sqlite:///{file}") as app:
        app.resume("parked")
        retried = app.retry("failed").id.result()
        ended = {
            run: podium.get(run).result()
            for run in ("queued", "sleeping", "retrying", "clashing", "dies", "parked")
        }
        assert ended == {
            "queued": 7,
            "sleeping": 5,
            "retrying": "mended",
            "clashing": [2, 20, 4, 40, 50, 7],
            "dies": "survived",
            "parked": 3,
        }
        assert podium.get(retried).result() == "mended"
        with pytest.raises(Exception, match="cancel"):
            podium.get("cancelling").result()
