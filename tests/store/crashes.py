"""python -m tests.store.crashes FOLDER OPERATION EVERY: kill a story at each EVERY-th sync or write and look.

A process of its own, because it forks and must have no threads. Prints how many kills it survived.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

from tests.store.story import WORDS, remembered, tell
from tests.store.vfs import FaultyDisk, kill


def live_and_die(file: Path, ledger: Path, operation: str, nth: int) -> bool:
    """Whether the story was killed before its end."""
    child = os.fork()
    if child == 0:
        note = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        disk = FaultyDisk()
        disk.strike(operation, nth, kill)
        tell(file, lambda word: os.write(note, f"{word}\n".encode()), disk.name)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"the story failed by itself: {code}"
    return code == 9


def main(folder: Path, operation: str, every: int) -> int:
    for nth in itertools.count(1, every):
        file, ledger = folder / f"{nth}.db", folder / f"{nth}.txt"
        killed = live_and_die(file, ledger, operation, nth)
        acknowledged = ledger.read_text().splitlines() if ledger.exists() else []
        found = remembered(file)
        assert found == WORDS[: len(found)], f"{operation} {nth}: not a prefix: {found}"
        assert len(found) >= len(acknowledged), f"{operation} {nth}: lost {acknowledged[len(found) :]}"
        if not killed:
            assert found == acknowledged == WORDS
            return nth // every
    raise AssertionError("unreachable")


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
