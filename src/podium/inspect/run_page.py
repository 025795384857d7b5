"""A run as one HTML page: what it is, what it did, what it said, what came out. It asks nothing of anything
else: no script, no request, the sheet is in it; text is text, and what a name calls a secret is `***`.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from itertools import islice

from .. import codec
from ..model import STDERR, STDOUT, TURNS, Entry, Kind, LogLine, RunRow, State
from . import history
from .causes import cause_of
from .durations import span
from .graph import Graph, graph
from .markup import Kid, Markup, join, tag
from .messages import message_words
from .progress import MESSAGE, TIMER, RunProgress, place
from .run_card import SIGNS
from .shapes import recorded_failure, shown_payload
from .store_view import StoreView
from .timeline import timeline

ENTRIES_MAX = 20_000  # of the history, the first ones
ROWS_MAX = 500  # of a table, the first ones
LINES_MAX = 2_000  # of the log, the last ones
_VALUE_MAX = 20_000  # characters
_FONTS = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)
_EACH_MAX = 6  # attempts of a function that are drawn one by one
_SHEET = """.page { max-width: 1120px; margin: 0 auto; overflow-wrap: anywhere; }
.page .panel { margin-bottom: 16px; }
.page .arg { white-space: normal; }"""
_TIMES = "\u00d7"
_WIDTH = 800
_BINS = 200
_ATTEMPTS = {Kind.RESULT: "succeeded", Kind.ERROR: "failed", Kind.RETRY: "retrying"}


def run_page(view: StoreView, row: RunRow) -> str:
    """The page of a run, in the styles of the dashboard, whose fonts are left to the system."""
    entries = list(islice(history.entries(view.store, row.id), ENTRIES_MAX))
    lines = view.store.logs(row.id, max(0, row.logs - LINES_MAX), LINES_MAX)
    name = row.function.rpartition(":")[2]
    sheet = files("podium").joinpath("server/static/podium.css").read_text("utf-8")
    style = f"{_FONTS.sub('', sheet)}\n{_SHEET}"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{SIGNS.get(row.state, '◌')} {name} · {row.id} · Podium"),
        tag("style", Markup(style)),
    )
    parts = (
        _heading(view, row, entries),
        _error(row),
        _panel("Timeline", "UTC; a bar is an attempt", _timeline(entries)),
        _panel("Graph", "drawn from the record", _graph(graph(entries, row.state))),
        _data(row),
        _panel("Steps", _first(entries, row.entries), _table(entries)),
        _panel("Log", f"{len(lines):,} of {row.logs:,} lines", _log(lines)) if lines else None,
    )
    body = tag("body", tag("main", *parts, class_="page"))
    return "<!doctype html>\n" + tag("html", head, body, lang="en")


def _panel(title: str, says: str, kids: Kid) -> Markup:
    heading = tag("div", tag("h2", title), tag("span", says, class_="sub"), class_="ph")
    return tag("section", heading, kids, class_="panel")


def _scroll(label: str, kid: Markup) -> Markup:
    """What may be wider than the page: it is scrolled by keys, too."""
    return tag("div", kid, class_="scroll", tabindex=0, role="region", aria_label=label)


def _heading(view: StoreView, row: RunRow, entries: Sequence[Entry]) -> Markup:
    state = str(row.state)
    progress = RunProgress(entries)
    begun = row.started or row.created
    facts: dict[str, str | None] = {
        "Started" if row.started else "Created": _time(begun),
        "Took" if row.ended else "For": span((row.ended or view.env.now()) - begun),
        "Steps on record": f"{progress.steps:,}",
        "Retried": f"{progress.retried:,}" if progress.retried else None,
        "Owners lost": str(row.lost) if row.lost else None,
        "Retry of": row.origin or None,
        "Child of": row.parent or None,
        "Tags": ", ".join(row.tags) or None,
    }
    sign = tag("span", f"{SIGNS.get(row.state, '◌')} {state}", class_=f"st pill s-{state}")
    title = tag(
        "h1",
        sign,
        tag("span", row.function.rpartition(":")[2]),
        tag("span", codec.preview_call(row.args, 120), class_="arg h1arg"),
        class_="row wrap",
    )
    said = [tag("div", tag("dt", key), tag("dd", value)) for key, value in facts.items() if value]
    return join(
        (
            tag(
                "div",
                tag("span", row.id, class_="id"),
                tag("span", f"as of {_time(view.env.now())[:-4]} UTC", class_="dim"),
                class_="crumbs",
            ),
            tag("div", title, tag("p", cause_of(view, row).what, class_="says"), class_="head"),
            tag("dl", said, class_="facts"),
        )
    )


def _error(row: RunRow) -> Markup | None:
    if row.state is not State.FAILED:
        return None
    failure = recorded_failure(row.payload)
    trace = failure.traceback or ""
    said = tag("p", f"{failure.type.rpartition(':')[2]}: {failure.message}", class_="errline")
    return _panel("Error", "", tag("div", said, tag("pre", trace, class_="wrapped"), class_="pb stack gap3"))


def _data(row: RunRow) -> Markup:
    def part(title: str, payload: bytes) -> Markup:
        text = tag("pre", codec.preview(payload, _VALUE_MAX), class_="wrapped")
        return _panel(title, f"{len(payload):,} bytes", tag("div", text, class_="pb"))

    came = row.state is State.SUCCEEDED
    return join((part("Input", row.args or b"{}"), part("Result", row.payload or b"null") if came else None))


# -- over time ----------------------------------------------------------------------------------------------


def _timeline(entries: Sequence[Entry]) -> Markup:
    drawn = timeline(entries, _BINS, None, None)
    attempts: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind in _ATTEMPTS and entry.began:
            attempts.setdefault(place(entry)[1], []).append(entry)
    if not drawn.groups:
        return tag("p", "No attempt is on record.", class_="pb dim")
    low = min(entry.began for group in attempts.values() for entry in group)
    wide = max(drawn.bin * _BINS, 1e-6)
    rows: list[Markup] = []
    for group in drawn.groups:
        each = attempts[group.function]
        marks = _bars(each, low, wide) if len(each) <= _EACH_MAX else _density(group.bins)
        label = f"{group.attempts:,} attempts, {group.failed:,} failed, {group.retried:,} retried"
        box = f"0 0 {_WIDTH} 20"
        image = tag(
            "svg",
            marks,
            width="100%",
            height=20,
            view_box=box,
            preserveAspectRatio="none",
            role="img",
            aria_label=label,
        )
        name = [
            group.function,
            tag("span", f" {_TIMES}{group.attempts:,}", class_="dim") if group.attempts > 1 else None,
        ]
        rows.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                tag("td", image),
                tag("td", span(group.quantiles[3]), class_="num"),
            )
        )
    columns = [
        tag("th", text, scope="col") for text in ("Function", f"{_time(low)} … {span(wide)}", "Longest")
    ]
    return _scroll(
        "Attempts over time", tag("table", tag("thead", tag("tr", columns)), tag("tbody", rows), class_="t")
    )


def _bars(attempts: Sequence[Entry], low: float, wide: float) -> list[Markup]:
    return [
        tag(
            "rect",
            tag("title", f"try {entry.attempt}: {_ATTEMPTS[entry.kind]}, {span(entry.at - entry.began)}"),
            class_=f"f-{_ATTEMPTS[entry.kind]}",
            x=round((entry.began - low) / wide * _WIDTH, 2),
            y=3,
            width=max(1.5, round((entry.at - entry.began) / wide * _WIDTH, 2)),
            height=14,
        )
        for entry in attempts
    ]


def _density(bins: Sequence[int]) -> list[Markup]:
    most, each = max(*bins, 1), _WIDTH / len(bins)
    return [
        tag(
            "rect",
            class_="f-done",
            x=round(n * each, 2),
            y=3,
            width=each,
            height=14,
            opacity=round(0.2 + 0.8 * count / most, 2),
        )
        for n, count in enumerate(bins)
        if count
    ]


def _graph(drawn: Graph) -> Markup:
    wide, high, across, down = 166, 44, 206, 62
    at = {node.id: (8 + node.column * across, 8 + node.row * down) for node in drawn.nodes}
    parts: list[Markup] = []
    for edge in drawn.edges:
        (x, y), (end, low) = at[edge.begin], at[edge.end]
        points = [(x + wide, y), *((8 + c * across, 8 + r * down) for c, r in edge.via), (end, low)]
        if not edge.back:
            line = " ".join(f"{px},{py + high / 2}" for px, py in points)
            parts.append(tag("polyline", points=line, class_="nofill k-line2", stroke_width=1.5))
    for node in drawn.nodes:
        x, y = at[node.id]
        many = f" {_TIMES}{node.n:,}" if node.n > 1 else ""
        took = "" if node.seconds is None else f", {span(node.seconds)}"
        parts += [
            tag("rect", x=x, y=y, width=wide, height=high, rx=6, class_="f-panel k-line2"),
            tag("rect", x=x, y=y, width=4, height=high, rx=2, class_=f"f-{node.state}"),
            tag("text", f"{node.function[:20]}{many}", x=x + 12, y=y + 18, class_="f-ink"),
            tag("text", f"{node.state}{took}", x=x + 12, y=y + 34, class_="f-ink3"),
        ]
    width, height = 16 + (drawn.columns - 1) * across + wide, 16 + (drawn.rows - 1) * down + high
    if not drawn.nodes:
        return tag("p", "Nothing is on record.", class_="pb dim")
    label = ", ".join(f"{node.function} {node.state}" for node in drawn.nodes)
    image = tag("svg", parts, width=width, height=height, role="img", aria_label=label, font_size=12)
    return _scroll("Graph", image)


# -- the record and the log ---------------------------------------------------------------------------------


def _first(entries: Sequence[Entry], every: int) -> str:
    shown = min(ROWS_MAX, len(entries))
    return f"the first {shown:,} of {every:,} entries" if shown < every else f"{every:,} entries, all"


def _table(entries: Sequence[Entry]) -> Markup:
    rows = [_row(entry) for entry in entries[:ROWS_MAX]]
    names = {"#": "num", "State": None, "Step": None, "At, UTC": "num", "Took": "num", "Result": None}
    columns = [tag("th", text, scope="col", class_=kind) for text, kind in names.items()]
    return _scroll("Steps", tag("table", tag("thead", tag("tr", columns)), tag("tbody", rows), class_="t"))


def _row(entry: Entry) -> Markup:
    state = _ATTEMPTS.get(entry.kind, "waiting" if entry.kind in (Kind.TICK, Kind.MESSAGE) else "queued")
    if entry.kind in (Kind.ERROR, Kind.RETRY):
        failure = recorded_failure(entry.payload, traceback=False)
        says = f"{failure.type.rpartition(':')[2]}: {failure.message}"
    else:
        says = codec.preview(shown, 120) if (shown := shown_payload(entry)) else ""
    function = place(entry)[1]
    step = {MESSAGE: message_words(entry), TIMER: "timer"}.get(function, entry.step)
    return tag(
        "tr",
        tag("td", entry.seq, class_="num dim"),
        tag("td", tag("span", str(entry.kind).replace("_", " "), class_=f"st s-{state}")),
        tag("td", tag("code", "" if entry.kind in TURNS else step)),
        tag("td", _time(entry.at)[11:], class_="num"),
        tag("td", span(entry.at - entry.began) if entry.began else "", class_="num"),
        tag("td", says, class_="arg"),
    )


def _log(lines: Sequence[LogLine]) -> Markup:
    return tag("div", [_line(line) for line in lines], class_="log")


def _line(line: LogLine) -> Markup:
    source = {STDOUT: "out", STDERR: "err"}.get(line.level, str(line.level))
    kind = "e" if line.level >= 40 else "w" if line.level >= 30 else None
    scope, _, name = line.step.rpartition("/")
    return tag(
        "div",
        tag("span", _time(line.at)[11:], class_="dim nw"),
        tag("span", f"{name} {scope}".strip(), class_="clip p2"),
        tag("span", f"try {line.attempt}" if line.attempt > 1 else "", class_="dim p2"),
        tag("span", source, class_="p2"),
        tag("span", line.text, class_="x"),
        class_=kind,
    )


def _time(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
