"""`podium show RUN`: what it is, what it did, how it failed, what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click
import msgspec

from ..env import RealEnv
from ..inspect import (
    Expected,
    RecordView,
    RunProgress,
    command_for,
    entry_shape,
    forecast,
    history,
    iso,
    loss_shape,
    run_fields,
    way_after_failure,
)
from ..inspect.expected import expected
from ..model import Entry, RunRow, State, is_fork
from . import formatting, options, report
from .exit_codes import FINE
from .json_answer import say_json
from .lookup import looking, pick
from .outcome import outcome_json, parked_lines, result_text
from .story import entry_line, tree
from .terminal import has_colour, plain, safe, say

_LINES_MAX = 60
_VALUES_MAX = 5
_ACTS_MAX = 10  # the newest decisions


@click.command(context_settings=options.HELP)
@options.run_id
@click.option("--all", "everything", is_flag=True, help="Every entry of the history, none folded.")
@options.store
@options.as_json
@options.quiet("The id only.")
def command(run: str, everything: bool, store: str | None, as_json: bool, quiet: bool) -> int:
    """One run: its steps, its last error, what to do next."""
    with looking(store) as view:
        row = pick(view, run)
        entries = history.entries(view.store, row.id, 0 if everything else row.base)
        if as_json:
            steps = [entry_shape(entry) for entry in entries]
            values = {value.name: msgspec.Raw(value.payload) for value in view.store.values(row.id)}
            streams = view.store.streams(row.id)
            acts = [
                {"n": act.n, "at": iso(act.at), "by": act.by, "verb": act.verb_of_run, "outcome": act.outcome}
                for act in view.store.audited(run=row.id)
            ]
            say_json(
                **run_fields(row),
                **outcome_json(row),
                history=steps,
                values=values,
                streams=streams,
                acts=acts,
                losses=[msgspec.to_builtins(loss_shape(loss)) for loss in view.store.losses(row.id)],
            )
        elif quiet:
            say(row.id)
        elif everything:
            _page(f"{line}\n" for line in (*_header(row), *map(entry_line, entries)))
        else:
            _summary(view, row, entries)
    return FINE


def _page(lines: Iterable[str]) -> None:
    if sys.stdout.isatty():
        click.echo_via_pager((plain(line, sys.stdout) for line in lines), color=has_colour(sys.stdout))
    else:
        for line in lines:
            say(line.rstrip("\n"))


def _summary(view: RecordView, row: RunRow, entries: Iterable[Entry]) -> None:
    now = RealEnv().now()
    progress = RunProgress(entries, branches=True)
    below = list(_below(view, row))
    lines = tree(progress, row, now)
    header = list(_header(row, progress, expected(view, row.function)))
    room = max(5, _LINES_MAX - len(header) - len(below))
    if len(lines) > room:
        left_out = len(lines) - room + 1
        lines = [
            *lines[: room // 2],
            formatting.dim(f"… {left_out} lines; podium show {row.id} --all"),
            *lines[room // 2 - room + 1 :],
        ]
    for line in (*header, *lines, *below):
        say(line)


def _header(row: RunRow, progress: RunProgress | None = None, usual: Expected | None = None) -> Iterator[str]:
    now = RealEnv().now()
    name = click.style(formatting.label(row.function), bold=True)
    called = formatting.call(row.args, 100)
    yield f"{name}  {safe(row.id)}" + (f"  {formatting.dim(called)}" if called else "")
    parts = [formatting.state(row.state)]
    if row.ended is not None:
        parts.append(formatting.ago(row.ended, now))
        parts += [f"took {formatting.span(row.ended - row.started)}"] if row.started is not None else []
    else:
        parts += ["undoing"] if progress is not None and progress.undoes else []
        parts.append(f"created {formatting.ago(row.created, now)}")
        if usual is not None and row.started is not None and row.state is State.RUNNING:
            parts.append(forecast(usual, now - row.started))
    if progress is not None:
        parts.append(history.in_words(progress.steps))
        parts += [formatting.many(progress.retried, "retry", "retries")] if progress.retried else []
    parts += [f"{formatting.many(row.lost, 'owner')} lost"] if row.lost else []
    if row.origin:
        parts.append(f"{'forked from' if is_fork(row) else 'from'} {row.origin}")
    yield " · ".join(parts)


def _said(view: RecordView, row: RunRow) -> Iterator[str]:
    """What it has published, by name, and the streams that it has."""
    values, streams = view.store.values(row.id), view.store.streams(row.id)
    for value in values[:_VALUES_MAX]:
        yield f"published {formatting.named(value.name, value.payload, 100)}"
    counts = [f"{safe(name)} {formatting.many(count, 'chunk')}" for name, count in streams.items()]
    rest = [
        *([f"{len(values) - _VALUES_MAX:,} more published"] if len(values) > _VALUES_MAX else []),
        *counts[:_VALUES_MAX],
        *([f"{len(counts) - _VALUES_MAX:,} more streams"] if len(counts) > _VALUES_MAX else []),
    ]
    if rest:
        yield f"{' · '.join(rest)}  {formatting.dim(f'podium stream {safe(row.id)}')}"


def _decided(view: RecordView, row: RunRow) -> Iterator[str]:
    """Which owners it has lost, and who has decided what about it."""
    now = RealEnv().now()
    for loss in reversed(view.store.losses(row.id, _ACTS_MAX) if row.lost else []):
        yield f"engine {safe(loss.engine)} was gone, {formatting.ago(loss.at, now)}: freed of it"
    for act in reversed(view.store.audited(limit=_ACTS_MAX, run=row.id)):
        said = f" {safe(act.said)}" if act.said and not act.address else ""
        came_to = "" if act.outcome == "done" else f": {act.outcome or 'cut off'}"
        yield f"{safe(act.verb_of_run)}{said} by {safe(act.by)}, {formatting.ago(act.at, now)}{came_to}"


def _below(view: RecordView, row: RunRow) -> Iterator[str]:
    """What it has said, what was decided about it, how it came out, and one thing to do."""
    yield from _said(view, row)
    yield from _decided(view, row)
    if row.logs:
        yield f"logs: {formatting.many(row.logs, 'line')}  {formatting.dim(f'podium logs {row.id}')}"
    if row.state is State.SUCCEEDED:
        text = result_text(row.payload, 500)
        yield from ([f"result: {text}"] if text else [])
    elif row.state is State.FAILED:
        yield from report.failed(row.payload, history.tail(view.store, row))
        yield f"next: {safe(way_after_failure(view.store, row))}"
    elif row.state is State.PARKED:
        yield from parked_lines(row)
        yield f"next: {safe(command_for(row))}"
    elif row.state is not State.CANCELLED:
        yield f"next: podium why {safe(row.id)}"
