"""`podium prune`: what has ended goes, in the order and number that was asked for, and nothing else does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App, codec
from podium.client import forget, pruning
from podium.inspect import parse
from podium.inspect.search import search
from podium.model import (
    EngineRow,
    Entry,
    Fence,
    Kind,
    LogLine,
    Move,
    NewRun,
    Outcome,
    Query,
    State,
    Write,
)
from tests.cli.support import STORE, as_json, podium, write_app

ENDS = [State.SUCCEEDED, State.FAILED, State.CANCELLED]


def put(app: App, id: str, end: State | None, at: float, entries: int = 2, **given: object) -> None:
    """A run that began and ended at `at`, or is still queued, with some history and logs."""
    data, digest = codec.encode_call({"n": 1}, where="f")
    new = NewRun(id, "app:adds", data, digest, at, owned=end is not None, **given)
    assert app.store.commit("e1", [Write(new_runs=(new,))])[0].outcome is Outcome.DONE
    if end is None:
        return
    fence = Fence(id, 1, frozenset({State.RUNNING}))
    seqs = range(1, entries + 1)
    record = tuple(Entry(seq, Kind.RESULT, at, f"s#{seq}", payload=b"x" * 300) for seq in seqs)
    logs = tuple(LogLine(f"s#{seq}", 1, at, 20, "said") for seq in seqs)
    write = Write(fence=fence, entries=record, logs=logs, move=Move(end, at=at))
    assert app.store.commit("e1", [write])[0].outcome is Outcome.DONE


@pytest.fixture
def app(project: Path) -> Iterator[App]:
    """Nine runs that have ended, the older the lower their number, one parked, one queued."""
    write_app(project)
    with App(STORE, drives="nothing") as app:
        app.store.announce(engine_row())
        now = app.env.now()
        for n in range(9):
            put(app, f"run-{n}", ENDS[n % 3], now - 86_400 * (9 - n))
        put(app, "parked", State.PARKED, now - 86_400 * 60)
        put(app, "queued", None, now - 86_400 * 60)
        app.store.retire("e1")
        yield app


def engine_row() -> EngineRow:
    return EngineRow("e1", 0, "h", 1, 1.0)


def left(app: App) -> list[str]:
    return sorted(row.id for row in app.store.find(Query()))


def test_by_age(app: App) -> None:
    ran = podium("prune", "ended:>5d", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["run-4", "run-3", "run-2", "run-1", "run-0"][-len(ran.stdout.split()) :]
    assert {"run-0", "run-1", "run-2", "run-3"}.isdisjoint(left(app))
    assert {"run-5", "run-6", "run-7", "run-8", "parked", "queued"} <= set(left(app))
    assert "--vacuum gives it back" in ran.stderr


def test_what_has_not_ended_is_kept_and_said_to_be_there(app: App) -> None:
    assert as_json("prune", "queued", "-y")["kept"] == [{"id": "queued", "why": "it has not ended"}]
    assert "queued" in left(app)


def test_by_state_and_number(app: App) -> None:
    assert as_json("prune", "status:failed", "--keep", "1", "-y")["runs"] == ["run-4", "run-1"]
    assert left(app) == ["parked", "queued", *(f"run-{n}" for n in (0, 2, 3, 5, 6, 7, 8))]
    assert app.store.history("run-1") == []
    assert app.store.logs("run-1") == []


def test_a_query_is_shown_first_and_a_dry_run_does_nothing(app: App) -> None:
    before = left(app)
    ran = podium("prune", "ended:>1d")
    assert ran.returncode == 2
    assert "nobody is there to ask" in ran.stderr
    ran = podium("prune", "status:succeeded", "--dry-run")
    assert ran.stderr.splitlines()[0] == "prune 3 runs"
    assert "nothing was done" in ran.stderr
    assert as_json("prune", "status:succeeded", "--dry-run")["would"] == ["run-6", "run-3", "run-0"]
    assert left(app) == before


@pytest.mark.parametrize("words", [("status:open",), ("status:parked",), ("id:queued",)])
def test_what_has_not_ended_is_not_found(app: App, words: tuple[str, ...]) -> None:
    before = left(app)
    assert as_json("prune", *words, "--yes")["runs"] == []
    assert left(app) == before


def test_one_that_is_named_and_has_not_ended_is_kept_and_said(app: App) -> None:
    answer = json.loads(podium("prune", "parked", "run-1", "--json").stdout)
    assert answer["runs"] == ["run-1"]
    assert [kept["id"] for kept in answer["kept"]] == ["parked"]
    assert "parked" in left(app)


def test_what_an_unfinished_run_rests_on_is_kept_and_the_rest_goes(app: App) -> None:
    put(app, "again", None, app.env.now(), origin="run-1", copy_from=("run-1", 1))
    answer = as_json("prune", "status:ended", "--yes")
    assert answer["kept"] == [{"id": "run-1", "why": "run again, which has not ended, rests on it"}]
    assert left(app) == ["again", "parked", "queued", "run-1"]


def test_more_than_one_pass_can_take(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_ROWS_MAX", 8)
    commits: list[int] = []
    commit = app.store.commit
    monkeypatch.setattr(
        app.store, "commit", lambda by, writes: commits.append(len(writes)) or commit(by, writes)
    )
    rows = search(app, parse(["status:ended"], app.env.now()), 100).rows
    assert [why for _, why in forget(app, rows)] == [""] * 9
    assert commits == [2, 2, 2, 2, 1], "small commits, so that nobody waits for long"


def test_the_file_shrinks_when_told_to(app: App) -> None:
    now = app.env.now()
    app.store.announce(engine_row())
    for n in range(20):
        put(app, f"big-{n}", State.SUCCEEDED, now - 86_400 * 90, entries=400)
    app.store.checkpoint()
    answer = as_json("prune", "ended:>60d", "--yes", "--vacuum")
    assert len(answer["runs"]) == 20
    assert answer["bytes_freed"] > 1_000_000
    assert (app.load("run-8").entries, app.load("parked").state) == (2, State.PARKED)
    put(app, "later", State.SUCCEEDED, now)
    assert app.load("later").entries == 2, "who had it open goes on"


def test_values_that_nothing_names_any_more_go_with_the_runs(app: App) -> None:
    payload = codec.encode(codec.Blob(b"large" * 1000), depot=app.store.depot)
    left = codec.encode(codec.Blob(b"left by who was killed"), depot=app.store.depot)
    young = codec.encode(codec.Blob(b"on its way"), depot=app.store.depot)
    for name in codec.names_in(payload) + codec.names_in(left):
        os.utime(app.store.depot.path(name), (1e9, 1e9))
    new = NewRun("large", "app:adds", payload, b"digest", app.env.now() - 86_400 * 90)
    assert app.store.commit(None, [Write(new_runs=(new,))])[0].outcome is Outcome.DONE
    fence = Fence("large", 0, frozenset({State.QUEUED}))
    app.store.commit(None, [Write(fence=fence, move=Move(State.CANCELLED, at=app.env.now() - 86_400 * 90))])
    assert "1 value removed that nothing names, 22 bytes\n" in podium("prune", "id:run-1", "--yes").stderr
    assert [app.store.depot.holds(codec.names_in(each)[0]) for each in (payload, left, young)] == [
        True,
        False,
        True,
    ]
    freed = as_json("prune", "id:large", "--yes")["bytes_freed"]
    assert freed == 5000
    assert [lain.name for lain in app.store.depot.all()] == codec.names_in(young)
