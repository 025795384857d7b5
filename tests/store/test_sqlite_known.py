"""What a commit need not read of the runs that the one before has left, and what makes it read again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from podium.model import CANCEL, Fence, Move, Outcome, State, StepWrite, Wait, Write
from podium.store.sqlite import SqliteStore
from podium.store.sqlite.known_runs import KnownRuns
from podium.store.sqlite.statements import SQL
from tests.store.words import (
    DONE,
    FUNCTIONS,
    REFUSED,
    commit,
    engine,
    fenced,
    message,
    new,
    outcomes,
    own,
    result,
    row,
)

RUNS = ("r1", "r2")
RUNNING = frozenset({State.RUNNING})
Read = Callable[[], list[str]]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Which statements have read runs or engines to judge by them, since it was asked before."""
    said: list[str] = []
    named = {SQL[name]: name for name in ("runs", "engine_lives")}

    def note(_: Any, statement: str, values: Any) -> bool:
        if statement in named:
            said.append(named[statement])
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = note

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, hook])

    def taken() -> list[str]:
        found = list(said)
        said.clear()
        return found

    return taken


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def store(file: Path, read: Read) -> Iterator[SqliteStore]:
    with closing(SqliteStore(file)) as store:
        store.migrate()
        store.announce(engine("e1"))
        own(store, *RUNS)
        assert read() == ["engine_lives", "runs"]
        yield store


@pytest.fixture
def other(file: Path, store: SqliteStore) -> Iterator[SqliteStore]:
    """Another process's handle, as far as SQLite can tell."""
    with closing(SqliteStore(file)) as other:
        other.migrate()
        yield other


def steps(seq: int, *runs: str) -> list[Write]:
    return [fenced(run, entries=(result(seq),)) for run in runs]


def test_steps_of_runs_that_were_started_here_read_no_rows(store: SqliteStore, read: Read) -> None:
    for seq in (1, 2):
        assert outcomes(store, *steps(seq, *RUNS)) == [DONE, DONE]
    assert outcomes(store, *steps(3, "r1")) == [DONE]
    assert outcomes(store, *steps(4, "r1")) == [DONE]
    assert outcomes(store, *steps(4, "r1")) == [Outcome.INVALID]  # by what the one before has left
    assert outcomes(store, *steps(3, "r2")) == [DONE]
    assert read() == []
    assert (row(store, "r1").entries, row(store, "r2").entries) == (4, 3)


def test_what_was_read_once_is_known(store: SqliteStore, read: Read) -> None:
    assert store.heartbeat("e1")  # by the same connection: nothing is known any more
    for seq in (1, 2, 3):
        assert outcomes(store, *steps(seq, *RUNS)) == [DONE, DONE]
    assert read() == ["engine_lives", "runs"]


def test_a_run_that_has_moved_is_read_again(store: SqliteStore, read: Read) -> None:
    assert outcomes(store, fenced("r1", move=Move(State.WAITING, due=5.0))) == [DONE]
    assert outcomes(store, *steps(1, *RUNS)) == [REFUSED, DONE]
    assert read() == ["runs"]


def test_another_connection_takes_a_run_over(store: SqliteStore, other: SqliteStore, read: Read) -> None:
    assert outcomes(store, *steps(1, *RUNS)) == [DONE, DONE]
    read()
    other.announce(engine("e2", functions=FUNCTIONS))
    assert other.release({"e1": 0}, 50.0) == 2
    heads = other.claim("e2", FUNCTIONS, 10, 60.0).heads
    assert sorted(head.id for head in heads) == [*RUNS]
    assert outcomes(store, *steps(2, *RUNS)) == [REFUSED, REFUSED]
    assert outcomes(store, *steps(2, "r1")) == [REFUSED]
    assert outcomes(other, fenced("r1", heads[0].token, entries=(result(2),)), engine="e2") == [DONE]


def test_another_connection_sends_a_message(store: SqliteStore, other: SqliteStore, read: Read) -> None:
    assert outcomes(store, *steps(1, *RUNS)) == [DONE, DONE]
    commit(other, Write(messages=(message(kind=CANCEL),)), engine=None)
    parked = fenced("r1", move=Move(State.PARKED, payload=b"why", seen=0))
    assert outcomes(store, parked) == [REFUSED]  # a cancel lies there that it has not seen


def test_a_commit_that_fails_leaves_nothing_known(
    store: SqliteStore, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: KnownRuns, changes: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KnownRuns, "keep", fails)  # the last thing before the COMMIT
        with pytest.raises(KeyboardInterrupt):
            commit(store, *steps(1, *RUNS))
    assert outcomes(store, *steps(1, *RUNS)) == [DONE, DONE]
    assert read() == ["engine_lives", "runs"]


# -- any sequence ----------------------------------------------------------------------------------------


class Life:
    """Writes by chance, of two engines with a handle each; what they come to, one after the other."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.file = file = folder / f"{seed}.db"
        self.stores = {name: SqliteStore(file) for name in ("e1", "e2")}
        for name, store in self.stores.items():
            store.migrate()
            store.announce(engine(name, functions=FUNCTIONS))
        self.made = 0
        self.more: list[Write] = []  # what goes with the next commit, too

    def play(self, turns: int) -> list[object]:
        told: list[object] = []
        for turn in range(turns):
            name = self.chance.choice(("e1", "e1", "e1", "e2"))
            store = self.stores[name]
            if self.chance.random() < 0.1:
                told.append(store.claim(name, FUNCTIONS, 3, 1000.0 + turn))
                continue
            writes = [self.write(store) for _ in range(self.chance.randint(1, 4))]
            writes += self.more
            self.more.clear()
            told.append(store.commit(name, writes))
        for run in range(self.made):
            told.append(self.stores["e2"].load(f"r{run}"))
            told.append(self.stores["e1"].history(f"r{run}"))
        with closing(apsw.Connection(str(self.file))) as raw:
            told.append(list(raw.execute("SELECT name, length(data) FROM blobs ORDER BY name")))
        return told

    def write(self, store: SqliteStore) -> Write:
        chance = self.chance
        if self.made < 2 or chance.random() < 0.2:
            self.made += 1
            is_copy = self.made > 2 and chance.random() < 0.2
            copied = (f"r{chance.randrange(self.made - 1)}", 1) if is_copy else None
            id, owned, digest = f"r{self.made - 1}", chance.random() < 0.8, bytes([self.made])
            made = new(id, owned=owned, copy_from=copied, digest=digest)
            if owned and chance.random() < 0.3:  # it is parked by the very commit that starts it
                park = Move(State.PARKED, payload=self.payload())
                self.more.append(Write(fence=Fence(id, 1, RUNNING), move=park))
            return Write(new_runs=(made,))
        run = f"r{chance.randrange(self.made)}"
        if chance.random() < 0.15:
            kind = chance.choice(("signal", CANCEL))
            return Write(messages=(message(f"m{chance.random()}", run, kind=kind),))
        there = store.load(run)
        seq = 1 + (0 if there is None else there.entries) + (chance.random() < 0.1)
        state = there.state if there is not None and chance.random() < 0.3 else State.RUNNING
        fence = Fence(run, 1 if there is None else there.token, frozenset({state}))
        if state is State.PARKED:
            return Write(fence=fence, move=Move(State.WAITING, due=1.0))
        if state.is_final:
            return Write(fence=fence, forget=True)
        entries = (result(seq, payload=b"x" * chance.choice((1, 1, 1, 5000))),)
        if chance.random() < 0.7:
            return StepWrite(fence, None, entries)
        if chance.random() < 0.2:
            return Write(fence=fence, waits=(Wait(f"w{chance.random()}", f"r{chance.randrange(self.made)}"),))
        to = chance.choice((State.SUCCEEDED, State.WAITING, State.WAITING, State.PARKED))
        seen = chance.choice((None, 0, 1))
        return Write(fence=fence, entries=entries, move=Move(to, due=2.0, seen=seen, payload=self.payload()))

    def payload(self) -> bytes:
        """What stands in the row, or in a blob of its own."""
        return str(self.chance.random()).encode() * self.chance.choice((1, 200))

    def close(self) -> None:
        for store in self.stores.values():
            store.close()


def read_anew(
    known: KnownRuns, connection: apsw.Connection, wanted: Iterable[str], read: Any = KnownRuns.read
) -> Any:
    known.forget()
    return read(known, connection, wanted)


@pytest.mark.parametrize("seed", range(30))
def test_nothing_comes_out_otherwise_than_if_every_row_were_read(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "knows", tmp_path / "reads"]
    for folder in folders:
        folder.mkdir()
    with closing(Life(folders[0], seed)) as knows:
        told = knows.play(60)
    with monkeypatch.context() as patched, closing(Life(folders[1], seed)) as reads:
        patched.setattr(KnownRuns, "read", read_anew)
        assert reads.play(60) == told
