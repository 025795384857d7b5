"""Count the words of each page, in portions, and combine the counts. The only part that knows Podium."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from podium import task, workflow

from . import words

PORTION = 25  # pages in a run of their own, which any worker may drive
TOP = 5

pages = task(words.pages)

# The same function, wherever there is room; it learns nothing of it.
COUNT: dict[str, Any] = {
    "threads": task(words.count, name="count-in-threads"),
    "processes": task(words.count, name="count-in-processes", isolation="process"),
    "dask": task(words.count, name="count-on-dask", executor="dask"),
    "ray": task(words.count, name="count-on-ray", executor="ray"),
}


@dataclass(frozen=True)
class Report:
    """What the pages come to."""

    pages: int
    tokens: int
    distinct: int
    top: list[tuple[str, int]]

    def __str__(self) -> str:
        counts = f"{self.pages:,} pages, {self.tokens:,} tokens, {self.distinct:,} distinct"
        return "\n".join([counts, *(f"{count:>8,}  {word}" for word, count in self.top)])


@workflow
def portion(on: str, paths: list[str]) -> dict[str, int]:
    """The words of some pages."""
    return words.combined(COUNT[on].map(paths))


@workflow
def wordcount(folder: str, on: str) -> Report:
    """The words of all pages below a folder, counted on "threads", "processes", "dask" or "ray"."""
    paths = pages(folder)
    starts = range(0, len(paths), PORTION)
    portions = [portion.start(on, paths[start : start + PORTION]) for start in starts]
    total = words.combined(each.result() for each in portions)
    top = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return Report(len(paths), sum(total.values()), len(total), top)
