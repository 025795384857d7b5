"""A small life of a store, told to crash sweeps: each acknowledged commit is noted, then looked for again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw

from podium.model import Move, State, Write
from podium.store.sqlite import SqliteStore
from tests.store.words import DONE, engine, fenced, message, new, outcomes, result

BIG = b"x" * 300_000


def tell(file: Path, acknowledge: Callable[[str], None], vfs: str | None = None) -> None:
    """Migrate, then eight commits; `acknowledge` is called with a word after each that has returned."""
    store = SqliteStore(file, vfs=vfs)
    try:
        store.migrate()
        acknowledge("migrated")
        store.announce(engine("e1"))
        acknowledge("announced")
        for word, write in chapters():
            assert outcomes(store, write) == [DONE]
            acknowledge(word)
            store.checkpoint()
    finally:
        store.close()


def chapters() -> list[tuple[str, Write]]:
    entries = [(f"entry {seq}", fenced(entries=(result(seq, payload=b"p" * seq),))) for seq in range(1, 5)]
    return [
        ("started", Write(new_runs=(new("r1", owned=True),))),
        *entries[:2],
        ("big", Write(new_runs=(new("r2", args=BIG),), messages=(message("m1", "r1"),))),
        *entries[2:],
        ("ended", fenced(move=Move(State.SUCCEEDED, payload=b"42"))),
    ]


def remembered(file: Path) -> list[str]:
    """The words of what a store holds, in the order of the story; checks the file on the way."""
    store = SqliteStore(file)
    try:
        store.migrate()
        words = ["migrated"]
        words += ["announced"] if store.engines() else []
        run, big = store.load("r1"), store.load("r2")
        words += ["started"] if run else []
        entries = [f"entry {seq}" for seq in range(1, run.entries + 1)] if run else []
        words += entries[:2]
        if big:
            assert big.args == BIG
            words.append("big")
        words += entries[2:]
        words += ["ended"] if run and run.state is State.SUCCEEDED else []
    finally:
        store.close()
    connection = apsw.Connection(str(file))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return words


WORDS = ["migrated", "announced", *[word for word, _ in chapters()]]
