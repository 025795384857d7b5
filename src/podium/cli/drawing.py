"""A `View` as lines of text, for redrawing in place and for the summary of a pipe."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ..executors import Progress
from ..inspect import StepCounts, forecast, history
from ..model import Entry, State
from . import formatting
from .terminal import safe
from .view import View, waiting_for

_BAR = 16
_ODD_MAX = 3
_OPEN_MAX = 3  # single attempts shown with their progress


def frame(view: View, now: float, height: int) -> list[str]:
    """All lines of the view, folded to at most `height`."""
    functions = list(view.progress.functions.values())
    width = max((len(formatting.label(counts.function)) for counts in functions), default=0)
    blocks = [list(_block(view, counts, min(width, 32), now)) for counts in functions]
    room = max(3, height - 4)
    lines = list(_fit(blocks, room))
    drawn = [_header(view, now), *_branches(lines)]
    drawn += [f"   {waiting_for(each)}" for each in view.awaited]
    if view.state is State.WAITING and view.due is not None:
        drawn.append(f"   {click.style('◌', fg='cyan')} waiting; goes on {formatting.until(view.due, now)}")
    if view.state is State.QUEUED and view.due is not None and view.due > now:
        drawn.append(f"   {click.style('◌', fg='cyan')} begins {formatting.until(view.due, now)}")
    drawn.append(formatting.dim(view.hint))
    return drawn


def _header(view: View, now: float) -> str:
    parts = [click.style(view.label, bold=True), view.run]
    parts += [formatting.dim(view.call)] if view.call else []
    parts += [f"{formatting.state(view.state)} {formatting.clock((view.ended or now) - view.began)}"]
    if view.usual is not None and view.state is State.RUNNING:
        parts += [formatting.dim(forecast(view.usual, now - view.began))]
    parts += [formatting.dim(f"resumed with {history.in_words(view.resumed)}")] if view.resumed else []
    return "  ".join(parts)


def _fit(blocks: list[list[str]], room: int) -> Iterator[list[str]]:
    """Blocks with their details if there is room, else their first lines, else the last of them."""
    if sum(map(len, blocks)) > room:
        blocks = [block[:1] for block in blocks]
    if len(blocks) > room:
        hidden = len(blocks) - room + 1
        yield [formatting.dim(f"… {hidden} more functions")]
        blocks = blocks[hidden:]
    yield from blocks


def _branches(blocks: list[list[str]]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        yield f"{formatting.dim('└─' if last else '├─')} {block[0]}"
        yield from (f"{formatting.dim('  ' if last else '│ ')}    {line}" for line in block[1:])


def _block(view: View, counts: StepCounts, width: int, now: float) -> Iterator[str]:
    label = formatting.label(counts.function)
    yield f"{_sign(view, counts)} {label:<{width}}  {summary(view, counts, now)}".rstrip()
    if view.state.is_final:
        return
    retrying = list(counts.retrying.values())
    for entry in retrying[:_ODD_MAX]:
        sign = click.style("◍", fg="yellow")
        when, what = next_try(entry, now)
        yield f"{sign} {when}  {formatting.dim(what)}"
    if len(retrying) > _ODD_MAX:
        yield formatting.dim(f"… {len(retrying) - _ODD_MAX} more wait for another try")
    speaking = [
        (attempt, counts.notes[step]) for step, attempt in counts.running.items() if step in counts.notes
    ]
    if len(counts.running) + counts.done > 1:
        for attempt, progress in speaking[:_OPEN_MAX]:
            yield f"{_bar(progress)}  {formatting.dim(formatting.call(attempt.args, 40))}"


def next_try(entry: Entry, now: float) -> tuple[str, str]:
    """ "try 2 in 4 s", "ValueError: boom"; `entry`: the failure before it."""
    when = f"try {entry.attempt + 1} {formatting.until(entry.due or 0.0, now)}"
    return when, formatting.failure(entry.payload, 80)


def _sign(view: View, counts: StepCounts) -> str:
    if counts.unfinished and view.state.is_final:  # of what the run left behind nothing is to come
        return formatting.sign(State.FAILED if counts.failed else State.CANCELLED)
    if counts.running:
        return formatting.sign(State.RUNNING)
    if counts.retrying:
        return click.style("◍", fg="yellow")
    return formatting.sign(State.FAILED if counts.failed else State.SUCCEEDED)


def summary(view: View, counts: StepCounts, now: float) -> str:
    """ "412 done · 20 running · 38/s · 3 retried", or of a single call how long it took."""
    rate = view.rate(counts, now)
    running = counts.working
    in_line = len(counts.running) - running
    if counts.ended + counts.unfinished <= 1 and not counts.retried:
        return _single(counts, now)
    parts = [f"{counts.done:,} done"]
    parts += [click.style(f"{counts.failed:,} failed", fg="red")] if counts.failed else []
    if view.state.is_final:
        parts += [f"{counts.unfinished:,} not finished"] if counts.unfinished else []
    else:
        parts += [f"{running:,} running"] if running else []
        parts += [f"{in_line:,} in line"] if in_line else []
        parts += [f"{rate:,.0f}/s"] if counts.running and rate >= 1 else []
    parts += [click.style(f"{counts.retried:,} retried", fg="yellow")] if counts.retried else []
    return " · ".join(parts)


def _single(counts: StepCounts, now: float) -> str:
    for step, attempt in list(counts.running.items()):
        progress = counts.notes.get(step)
        since = formatting.dim(formatting.clock(now - attempt.began))
        return f"{_bar(progress)}  {since}" if progress else since
    return formatting.dim(formatting.span(counts.latest))


def _bar(progress: Progress) -> str:
    text = formatting.shorten(safe(progress.text), 40)
    if not progress.total or progress.total <= 0:
        return f"{progress.done:,g} {text}".rstrip()
    share = min(1.0, max(0.0, progress.done / progress.total))
    full = round(share * _BAR)
    bar = click.style("━" * full, fg="green") + formatting.dim("─" * (_BAR - full))
    return f"{bar} {share:4.0%} {text}".rstrip()
