"""A run as a piece of HTML for a notebook: how it stands and what it did; no script, both themes."""

from __future__ import annotations

from collections.abc import Iterator

from .. import codec
from ..model import RunRow, State
from . import history
from .causes import cause_of
from .durations import span
from .markup import Markup, tag
from .progress import MESSAGE, TIMEOUT, TIMER, Branch, RunProgress, StepCounts
from .store_view import StoreView

SIGNS = {
    State.SUCCEEDED: "✔",
    State.FAILED: "✖",
    State.RUNNING: "●",
    State.CANCELLED: "⊘",
    State.PARKED: "⏸",
}
_ROWS_MAX = 40
_LABELS = {MESSAGE: "message", TIMER: "timer", TIMEOUT: "timeout"}
# Colours that both a light and a dark notebook can show; the rest is inherited from it.
SHEET = """
.podium-run { font: 13px/20px ui-sans-serif, system-ui, sans-serif; max-width: 960px;
  border: 1px solid #8886; border-radius: 8px; padding: 8px 12px; }
.podium-run code { font: 12px ui-monospace, monospace; background: none; color: inherit; opacity: .75; }
.podium-run ul { list-style: none; margin: 4px 0 0; padding: 0 0 0 14px; }
.podium-run small { opacity: .75; }
.podium-run .bar { display: inline-block; width: 120px; height: 6px; border-radius: 3px; background: #8884;
  vertical-align: middle; overflow: hidden; }
.podium-run .bar svg { display: block; width: 100%; height: 6px; }
.podium-run .bar rect { fill: #2f9a61; }
.podium-run .succeeded { color: #23874f; }
.podium-run .failed { color: #d8504b; }
.podium-run .running { color: #4480ee; }
.podium-run .waiting, .podium-run .queued { color: #2b95a0; }
.podium-run .parked { color: #8d5fd3; }
.podium-run .retried { color: #b87914; }
"""


def run_card(view: StoreView, row: RunRow) -> str:
    """The card of a run, as it stands now."""
    progress = RunProgress(history.entries(view.store, row.id, row.base), branches=True)
    lines = list(_branch(progress.branches(), row))
    if len(lines) > _ROWS_MAX:
        lines = [*lines[: _ROWS_MAX - 1], tag("li", tag("small", f"… {len(lines) - _ROWS_MAX + 1} more"))]
    took = "" if row.started is None else span((row.ended or view.env.now()) - row.started)
    state = str(row.state)
    return tag(
        "div",
        tag("style", Markup(SHEET)),
        tag("span", f"{SIGNS.get(row.state, '◌')} {state}", class_=state),
        " ",
        tag("b", row.function.rpartition(":")[2]),
        tag("code", f"({codec.preview_call(row.args, 120)})"),
        " ",
        tag("small", " · ".join(filter(None, (row.id, took, f"{progress.steps:,} steps on record")))),
        list(_why(view, row)) if row.state is not State.SUCCEEDED else None,
        tag("ul", lines) if lines else None,
        tag("div", "result: ", tag("code", codec.preview(row.payload, 300)))
        if row.state is State.SUCCEEDED
        else None,
        class_="podium-run",
    )


def _why(view: StoreView, row: RunRow) -> Iterator[Markup]:
    cause = cause_of(view, row)
    yield tag("div", cause.what)
    if cause.kind == "question":  # what it is about
        yield from (tag("div", tag("small", line)) for line in cause.details)


def _branch(branch: Branch, row: RunRow) -> Iterator[Markup]:
    while not branch.functions and len(branch.below) == 1:
        branch = next(iter(branch.below.values()))  # a scope that only holds another says nothing
    items: list[StepCounts | Branch] = sorted(
        [*branch.functions.values(), *branch.below.values()], key=lambda item: item.first
    )
    for item in items:
        if isinstance(item, StepCounts):
            yield tag("li", _counts(item, row))
        elif len(item.functions) == 1 and not item.below:
            yield tag("li", _counts(next(iter(item.functions.values())), row))
        else:
            below = tag("ul", list(_branch(item, row)))
            yield tag("li", tag("small", f"{item.count:,} branches" if item.count > 1 else "a branch"), below)


def _counts(counts: StepCounts, row: RunRow) -> list[Markup | str]:
    all_of = counts.ended + counts.unfinished
    if counts.failed:
        state = State.FAILED
    elif counts.unfinished:
        state = State.CANCELLED if row.state.is_final else State.RUNNING
    else:
        state = State.SUCCEEDED
    parts: list[Markup | str] = [
        tag("span", SIGNS[state], class_=str(state)),
        f" {_LABELS.get(counts.function, counts.function)} ",
    ]
    if all_of > 1:
        share = round(100 * counts.done / all_of, 1)
        bar = tag("svg", tag("rect", width=share, height=6), view_box="0 0 100 6", preserveAspectRatio="none")
        parts += [tag("span", bar, class_="bar"), f" {counts.ended:,}/{all_of:,} "]
    if counts.seconds:
        parts.append(tag("small", span(counts.seconds / max(1, counts.ended)), " each" if all_of > 1 else ""))
    if counts.failed and all_of > 1:
        parts.append(tag("span", f" {counts.failed:,} failed", class_="failed"))
    if counts.retried:
        parts.append(tag("span", f" {counts.retried:,} retried", class_="retried"))
    return parts
