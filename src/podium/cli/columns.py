"""Tables on a terminal, which drop columns where it is narrow, never characters of a cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import click

from . import formatting


class Column(NamedTuple):
    title: str
    worth: int  # the lowest is dropped first
    cells: list[str]

    @property
    def width(self) -> int:
        return max(len(click.unstyle(cell)) for cell in (self.title, *self.cells))


def lines_of(columns: list[Column], most: int | None) -> Iterator[str]:
    """Title and a line per row, at most so many characters wide; None: as wide as they are."""
    shown = list(columns)
    while most is not None and len(shown) > 2 and sum(c.width + 2 for c in shown) - 2 > most:
        shown.remove(min(shown, key=lambda column: column.worth))
    for number in range(-1, len(columns[0].cells)):
        cells = [column.title if number < 0 else column.cells[number] for column in shown]
        padded = [
            cell + " " * (column.width - len(click.unstyle(cell)))
            for cell, column in zip(cells, shown, strict=True)
        ]
        line = "  ".join(padded).rstrip()
        yield formatting.dim(line) if number < 0 else line
