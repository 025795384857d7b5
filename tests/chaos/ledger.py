"""What really happened, on paper of its own: each line is one system call, and no line is ever changed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_open: dict[str, int] = {}


def write_line(file: str, *words: object) -> None:
    """Append one line at once. What a killed process wrote before stays: the kernel has it."""
    if file not in _open:
        _open[file] = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.write(_open[file], (" ".join(map(str, words)) + "\n").encode())


@dataclass(frozen=True)
class Line:
    """One task body that got as far as this."""

    run: str
    step: str
    attempt: int
    value: str
    process: int = 0
    at: float = 0.0  # monotonic seconds


class Ledger:
    """Read as it grows; `size` without reading it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = 0

    @property
    def size(self) -> int:
        """In bytes."""
        try:
            return self.file.stat().st_size
        except FileNotFoundError:
            return 0

    def new(self) -> list[Line]:
        """The lines since the last look."""
        if not self.file.exists():
            return []
        with self.file.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        self._read += len(text)
        return [_line(words) for words in text.decode().splitlines()]


def _line(words: str) -> Line:
    key, attempt, value, *where = words.split()
    run, _, step = key.partition(":")
    process, at = where or ("0", "0")
    return Line(run, step, int(attempt), value, int(process), float(at))
