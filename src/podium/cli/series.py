"""`podium series [NAME]`: what bodies and tasks have measured, as numbers and as a line."""

from __future__ import annotations

import click

from ..client import tag_texts
from ..env import RealEnv
from ..errors import RunNotFound, UsageError
from ..inspect import DATES, SPANS, SeriesView, bin_shape, iso, read_moment, series_shapes, series_view
from ..model import MeasureQuery
from . import formatting, options
from .asking import asking
from .exit_codes import FINE
from .json_answer import say_json
from .terminal import safe, say, tell

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60  # stretches of time that are shown


@click.command(context_settings=options.HELP)
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--tag", "tags", metavar="KEY=TEXT", multiple=True, help="Only points with this tag; repeatable."
)
@click.option("--since", metavar="WHEN", help="From then on: 2h or 7d ago, 2026-11-20, today.")
@options.store
@options.as_json
@options.quiet("Names only, or the last value.")
def command(
    name: str | None,
    tags: tuple[str, ...],
    since: str | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """What bodies and tasks have measured: the series, or one of them over time.

    podium series machine.lowest --tag machine=7 --since 7d
    """
    wanted = dict(map(_tag, tags))
    begin = float("-inf") if since is None else _since(since)
    if name is None and (tags or since):
        raise UsageError("--tag and --since are for one series", fix="podium series NAME --since 7d")
    with asking(store) as app:
        if name is None:
            shapes = series_shapes(app)
            if as_json:
                say_json(series=shapes)
            elif not shapes:
                tell('no series: podium.measure("name", value) in a task or in a body')
            for each in () if as_json else shapes:
                count = formatting.many(each.count, "point")
                line = f"{safe(each.name)}  {formatting.dim(count)}  {each.value:g} at {each.last}"
                say(safe(each.name) if quiet else line)
            return FINE
        view = series_view(app, MeasureQuery(name, tag_texts(wanted), since=begin), _WIDTH)
        if view is None:
            names = ", ".join(row.name for row in app.store.series()[:10]) or "podium.measure(...) makes one"
            raise RunNotFound(f"no series is named {name!r}", fix=safe(names))
    if as_json:
        say_json(name=name, width=view.width, count=view.count, bins=list(map(bin_shape, view.bins)))
        return FINE
    if quiet:
        say(f"{view.last.value:g}" if view.last else "")
        return FINE
    for line in _lines(name, view):
        say(line)
    return FINE


def _lines(name: str, view: SeriesView) -> list[str]:
    count = view.count
    lines = [f"{safe(name)}  {formatting.many(count, 'point')}"]
    if not count or view.last is None:
        return [*lines, formatting.dim("  none of them is asked for")]
    low, high = min(each.low for each in view.bins), max(each.high for each in view.bins)
    mean = sum(each.total for each in view.bins) / count
    by_place = {int((each.begin - view.begin) / view.width + 0.5): each for each in view.bins}
    places = range(max(by_place) + 1)
    means = [by_place[n].total / by_place[n].count if n in by_place else None for n in places]
    lines.append(f"  {_spark(means)}")
    lines.append(formatting.dim(f"  {iso(view.begin)} to {iso(view.last.at)}, {view.width:.3g} s each"))
    lines.append(f"  last {view.last.value:g}   low {low:g}   mean {mean:g}   high {high:g}")
    lines.append(formatting.dim(f"  by {safe(view.last.run)}"))
    return lines


def _spark(values: list[float | None]) -> str:
    """One character for each value; a space where there is none."""
    there = [value for value in values if value is not None]
    low, span = min(there), max(there) - min(there)
    steps = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[round((value - low) / span * steps) if span else steps // 2]
        for value in values
    )


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--tag {text!r}: KEY=TEXT is needed", fix="--tag machine=7")
    return key, value


def _since(text: str) -> float:
    now = RealEnv().now()
    at = read_moment(text, now)
    if at is None:
        raise UsageError(f"--since {text!r} is neither {SPANS} ago nor {DATES}")
    return now - (at - now) if at > now and not text[:4].isdigit() else at
