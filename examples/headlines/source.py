"""Texts in groups: files of headlines by year, or the topics that Python's own help has, by letter."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

_YEAR = re.compile(r"\d{4}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


@dataclass(frozen=True)
class Texts:
    """Those of one group."""

    group: str
    lines: list[str]


def groups(folder: str | None) -> list[str]:
    """The names of the groups: the years in the names of a folder's text files, or letters."""
    if folder is None:
        return sorted(_topics())
    return sorted({year[0] for file in Path(folder).glob("*.txt") if (year := _YEAR.search(file.name))})


def load(folder: str | None, group: str) -> str:
    """All that a group has, as it stands there. Raises OSError."""
    if folder is None:
        return "\n".join(_topics()[group])
    return "\n".join(_read(file) for file in sorted(Path(folder).glob(f"*{group}*.txt")))


def clean(group: str, text: str) -> Texts:
    """Its lines, without those that say nothing. A stray carriage return ends no line."""
    return Texts(group, [line.strip() for line in text.replace("\r", " ").split("\n") if line.strip()])


def recorded(folder: str, group: str) -> list[tuple[str, float]]:
    """Scores of the same texts by somebody else: lines of "text : number"; others say nothing."""
    found: list[tuple[str, float]] = []
    for file in sorted(Path(folder).glob(f"*{group}*.txt")):
        for line in _read(file).split("\n"):
            text, _, number = line.rpartition(" : ")
            if text and _NUMBER.fullmatch(number.strip()):
                found.append((text, float(number)))
    return found


def _read(file: Path) -> str:
    return file.read_bytes().decode()  # as it is: read_text would make lines of carriage returns


def _topics() -> dict[str, list[str]]:
    by_letter: dict[str, list[str]] = defaultdict(list)
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    for name, text in topics.items():
        by_letter[name[0].lower()].append(text)
    return by_letter
