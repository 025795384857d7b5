"""Runs as a piece of HTML for a notebook: a row for each; no script, both themes."""

from __future__ import annotations

from collections.abc import Sequence

from .. import codec
from ..model import RunRow
from .durations import ago, span
from .markup import Markup, tag
from .run_card import SHEET, SIGNS

_TITLES = ("state", "function", "input", "created", "took", "id")


def run_list(rows: Sequence[RunRow], more: bool, now: float) -> str:
    """The table of these runs; `more`: others match, too."""
    if not rows:
        return tag("div", "no runs match")
    titles = tag("tr", [tag("th", title) for title in _TITLES])
    return tag(
        "div",
        tag("style", Markup(SHEET)),
        tag("table", titles, [_line(row, now) for row in rows]),
        tag("small", f"the newest {len(rows)}; .count() counts all") if more else None,
        class_="podium-run",
    )


def _line(row: RunRow, now: float) -> Markup:
    took = "" if row.started is None or row.ended is None else span(row.ended - row.started)
    state = str(row.state)
    return tag(
        "tr",
        tag("td", tag("span", f"{SIGNS.get(row.state, '◌')} {state}", class_=state)),
        tag("td", row.function.rpartition(":")[2]),
        tag("td", tag("code", codec.preview_call(row.args, 60))),
        [tag("td", text) for text in (ago(row.created, now), took, row.id)],
    )
