"""Pages of a folder, and the words in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

_WORD = re.compile(r"[a-z]+")
_HIDDEN = ("script", "style")


class _Text(HTMLParser):
    """The text of a page, without its scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def pages(folder: str) -> list[str]:
    """The pages of a folder and those below it, by path: *.html, *.md, *.txt and *.py."""
    kinds = (".html", ".md", ".py", ".txt")
    return sorted(str(path) for path in Path(folder).rglob("*") if path.suffix in kinds)


def count(page: str) -> dict[str, int]:
    """How often which word stands in a page, in lower case."""
    text = Path(page).read_text("utf-8", "replace")
    if page.endswith(".html"):
        parser = _Text()
        parser.feed(text)
        parser.close()
        text = "".join(parser.pieces)
    return dict(Counter(_WORD.findall(text.lower())))


def combined(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sum of several counts."""
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return dict(total)
