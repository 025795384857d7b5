"""Tasks that touch the files of the store that drives them, in its own process."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from podium import App, task, workflow
from podium.store.sqlite import protection

STORE = Path(os.environ.get("STORE", "podium.db"))
FILES = tuple(STORE.with_name(STORE.name + suffix) for suffix in ("", "-wal", "-shm"))


def copies() -> None:
    for file in FILES:
        shutil.copy(file, f"{file}.copy")


def connects() -> None:
    connection = sqlite3.connect(STORE)
    connection.execute("SELECT count(*) FROM runs").fetchall()
    connection.close()


def opens() -> None:
    STORE.open("rb").close()


def renames() -> None:
    STORE.rename(f"{STORE}.away")


def removes() -> None:
    STORE.unlink()


def closes_unseen() -> None:
    """As an extension in C does it: Python announces nothing."""
    for file in FILES:
        lose_the_locks(file)


def lose_the_locks(file: Path) -> None:
    libc = ctypes.CDLL(None)
    libc.close(libc.open(os.fsencode(file), os.O_RDONLY))


def connects_unseen() -> None:
    """As an extension in C that brings another SQLite."""
    with protection.allowed():
        connects()


def attaches() -> None:
    """By another database, whose name alone Python announces; SQLite does not tell what is bound."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("ATTACH ? AS x", (str(STORE),))
        connection.execute("SELECT count(*) FROM x.runs").fetchall()
        connection.execute("PRAGMA x.wal_checkpoint(TRUNCATE)").fetchall()


SEEN: dict[str, Callable[[], None]] = {
    act.__name__: act for act in (copies, connects, opens, renames, removes)
}
UNSEEN: dict[str, Callable[[], None]] = {act.__name__: act for act in (closes_unseen, connects_unseen)}


def waits() -> None:
    time.sleep(0.01)


HARMLESS = {waits.__name__: waits}
DENIED = {attaches.__name__: attaches}


@task
def meddle(kind: str, until: str) -> str:
    """Do it again and again until a file is there; what came of it."""
    while not os.path.exists(until):
        try:
            (SEEN | UNSEEN | HARMLESS | DENIED)[kind]()
        except (PermissionError, sqlite3.DatabaseError) as error:
            return f"{type(error).__name__}: {error}"
    return "did it"


@task
def note(number: int) -> int:
    return number


@workflow
async def meddles(kind: str, until: str) -> str:
    return meddle(kind, until)


@workflow
async def counts(numbers: int) -> int:
    """Many commits, one after the other."""
    return sum(note(number) for number in range(numbers))


def start(times: int, name: str, *args: Any) -> None:
    """Print the id of each start that was acknowledged. Each of these clients may be the last to close."""
    function = {"counts": counts, "meddles": meddles}[name]
    for _ in range(times):
        with App(STORE, drives="nothing", starter=""):
            print(function.start(*args).id, flush=True)


def drive(times: int, kind: str, until: str) -> None:
    """An app in a program of the user's that does so itself, while its engine works."""
    with App(STORE, starter=""):
        runs = [counts.start(20) for _ in range(times)]
        print(*(run.id for run in runs), sep="\n", flush=True)
        print(meddle.fn(kind, until), file=sys.stderr)
        assert [run.result(30) for run in runs] == [190] * times


if __name__ == "__main__":
    verb, times, *rest = sys.argv[1:]
    if verb == "drive":
        drive(int(times), *rest)
    else:
        start(int(times), verb, *[int(word) if word.isdigit() else word for word in rest])
