"""`python -m tests.determinism.replayer FILE`: replay recorded histories, print a digest of each answer."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import msgspec

from podium.model import Entry
from tests.determinism.programs import collecting, racing
from tests.unit.machine.driver import Life

PROGRAMS: dict[str, Any] = {"async": racing, "sync": collecting}


class Recorded(msgspec.Struct):
    """A life on paper."""

    program: str
    width: int
    history: list[Entry]


def main(file: str) -> None:
    for recorded in msgspec.json.decode(Path(file).read_bytes(), type=list[Recorded]):
        life = Life(PROGRAMS[recorded.program]._function, recorded.width, history=recorded.history)
        assert life.finished is not None
        print(hashlib.sha256(life.finished.payload).hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
