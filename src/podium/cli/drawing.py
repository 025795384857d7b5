"""A `View` as lines of text, for redrawing in place and for the summary of a pipe."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ..executors import Progress
from ..inspect import history
from ..model import State
from . import formatting
from .terminal import safe
from .view import Tally, View

_BAR = 16
_ODD_MAX = 3
_OPEN_MAX = 3  # single attempts shown with their progress


def frame(view: View, now: float, height: int) -> list[str]:
    """All lines of the view, folded to at most `height`."""
    tallies = list(view.tallies.values())
    width = max((len(tally.label) for tally in tallies), default=0)
    blocks = [list(_block(tally, min(width, 32), now)) for tally in tallies]
    room = max(3, height - 4)
    lines = list(_fit(blocks, room))
    drawn = [_header(view, now), *_branches(lines)]
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


def _block(tally: Tally, width: int, now: float) -> Iterator[str]:
    yield f"{_sign(tally)} {tally.label:<{width}}  {summary(tally, now)}".rstrip()
    for odd in list(tally.odd.values())[:_ODD_MAX]:
        sign = click.style("◍", fg="yellow")
        yield f"{sign} try {odd.next_try} {formatting.until(odd.due, now)}  {formatting.dim(odd.what)}"
    if len(tally.odd) > _ODD_MAX:
        yield formatting.dim(f"… {len(tally.odd) - _ODD_MAX} more wait for another try")
    speaking = [
        (attempt, tally.progress[step]) for step, attempt in tally.open.items() if step in tally.progress
    ]
    if len(tally.open) + tally.done > 1:
        for attempt, progress in speaking[:_OPEN_MAX]:
            yield f"{_bar(progress)}  {formatting.dim(formatting.call(attempt.args, 40))}"


def _sign(tally: Tally) -> str:
    if tally.open:
        return formatting.sign(State.RUNNING)
    if tally.odd:
        return click.style("◍", fg="yellow")
    return formatting.sign(State.FAILED if tally.failed else State.SUCCEEDED)


def summary(tally: Tally, now: float) -> str:
    """ "412 done · 20 running · 38/s · 3 retried", or of a single call how long it took."""
    rate = tally.rate(now)
    running = tally.running
    in_line = len(tally.open) - running
    ended = tally.done + tally.failed
    if ended + len(tally.open) + len(tally.odd) <= 1 and not tally.retried:
        return _single(tally, now)
    parts = [f"{tally.done:,} done"]
    parts += [click.style(f"{tally.failed:,} failed", fg="red")] if tally.failed else []
    parts += [f"{running:,} running"] if running else []
    parts += [f"{in_line:,} in line"] if in_line else []
    parts += [f"{rate:,.0f}/s"] if tally.open and rate >= 1 else []
    parts += [click.style(f"{tally.retried:,} retried", fg="yellow")] if tally.retried else []
    return " · ".join(parts)


def _single(tally: Tally, now: float) -> str:
    for step, attempt in list(tally.open.items()):
        progress = tally.progress.get(step)
        since = formatting.dim(formatting.clock(now - attempt.began))
        return f"{_bar(progress)}  {since}" if progress else since
    return formatting.dim(formatting.span(tally.seconds))


def _bar(progress: Progress) -> str:
    text = formatting.shorten(safe(progress.text), 40)
    if not progress.total or progress.total <= 0:
        return f"{progress.done:,g} {text}".rstrip()
    share = min(1.0, max(0.0, progress.done / progress.total))
    full = round(share * _BAR)
    bar = click.style("━" * full, fg="green") + formatting.dim("─" * (_BAR - full))
    return f"{bar} {share:4.0%} {text}".rstrip()
