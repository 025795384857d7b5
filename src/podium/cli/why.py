"""`podium why RUN`: what holds a run, and the command that would move it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from ..client import App
from ..engine import read_about
from ..env import RealEnv
from ..model import EngineRow, Entry, Kind, RunRow, State
from . import options, report, words
from .lookup import looking, pick
from .main import FINE
from .outcome import parked_lines
from .terminal import safe, say

_TAIL = 200


@click.command(context_settings=options.HELP)
@options.run_id
@options.store
@options.as_json
def command(run: str, store: str | None, as_json: bool) -> int:
    """Why a run stands where it stands, and what would move it."""
    with looking(store) as app:
        row = pick(app, run)
        lines = list(_why(app, row))
    if as_json:
        plain = [click.unstyle(line).strip() for line in lines]
        say(msgspec.json.encode({"version": 1, "id": row.id, "state": str(row.state), "why": plain}).decode())
    else:
        for line in lines:
            say(line)
    return FINE


def _why(app: App, row: RunRow) -> Iterator[str]:
    now = RealEnv().now()
    yield f"{words.state(row.state)}  {click.style(words.label(row.function), bold=True)}  {row.id}"
    if row.state is State.RUNNING:
        yield from _running(app, row, now)
    elif row.state in (State.QUEUED, State.WAITING):
        yield from _waiting(app, row, now)
    elif row.state is State.PARKED:
        yield from parked_lines(row)
        yield f"  then: podium resume {row.id}, or end it: podium cancel {row.id}"
    elif row.state is State.FAILED:
        yield from report.failed(row.payload, app.store.history(row.id, max(0, row.entries - _TAIL), _TAIL))
        yield f"  fix the code, then: podium retry {row.id}"
    elif row.ended is not None:
        yield f"  ended {words.ago(row.ended, now)}; nothing more will happen to it"
    if row.inbox:
        yield f"  {words.many(row.inbox, 'message')} in its inbox, not taken yet"


def _running(app: App, row: RunRow, now: float) -> Iterator[str]:
    engines = {engine.id: engine for engine in app.store.engines()}
    owner = engines.get(row.owner or "")
    if owner is None:
        yield "  its owner is gone; the next engine that looks takes it over"
        yield f"  take it over here: podium resume {row.id}"
        return
    state = app.is_alive(owner)
    known = {True: "alive", False: "dead", None: "on another host: its lease tells"}[state]
    since = words.span(now - owner.started)
    yield f"  in process {owner.pid} on {safe(owner.host)} ({known}), up {since}{_script(owner)}"
    if state is False:
        yield f"  take it over: podium resume {row.id}"
    yield from _retries(app, row, now)


def _waiting(app: App, row: RunRow, now: float) -> Iterator[str]:
    yield from _retries(app, row, now)
    if row.due is None and not row.inbox:
        yield "  it waits for a message"
        return
    if row.due is not None and row.due > now and not row.inbox:
        yield f"  due {words.until(row.due, now)} ({words.iso(row.due)}): a sleep, a deadline or another try"
    living = [engine for engine in app.store.engines() if app.is_alive(engine) is not False]
    for engine in living[:3]:
        yield f"  process {engine.pid} on {safe(engine.host)} is alive{_script(engine)}"
    if not living:
        yield f"  no engine is alive; whoever drives it needs {safe(row.function)}"
        yield f"  drive it here: podium resume {row.id}"
    elif row.due is None or row.due <= now:
        yield f"  it is due; if none of these has {safe(row.function)}: podium resume {row.id}"


def _retries(app: App, row: RunRow, now: float) -> Iterator[str]:
    """Steps at the end of the record that failed and will be tried again."""
    pending: dict[str, Entry] = {}
    for entry in app.store.history(row.id, max(0, row.entries - _TAIL), _TAIL):
        pending.pop(entry.step, None)
        if entry.kind is Kind.RETRY:
            pending[entry.step] = entry
    for entry in list(pending.values())[:3]:
        name = words.label(entry.step.partition("#")[0])
        what = words.failure(entry.payload[1:], 100)
        yield f"  {name}: try {entry.attempt + 1} {words.until(entry.due or now, now)} after {what}"
    if len(pending) > 3:
        yield f"  … {len(pending) - 3} more steps will be tried again"


def _script(engine: EngineRow) -> str:
    script = read_about(engine.info).script
    return f", started by {safe(script)}" if script else ""
