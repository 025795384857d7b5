"""What a run of the built-in workflow of alerts does: it gets a notice through, and looks what came since."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..engine import About, fingerprint, how_it_ended, with_slack
from ..errors import EngineStopped
from ..inspect import history, iso
from ..model import QUESTION, Kind, Query, RunRow, State, read_reason
from ..redaction import redacted
from ..store import Store
from .app import apps
from .channels import Notice, resolved
from .messages import OPEN_MAX
from .session import Session

COUNTED_MAX = 1000  # runs of one state


def deliver(run: str, about: dict[str, Any], channel: str, key: str) -> None:
    """Send one notice to one channel; a test's is kept. Raises ConnectionError and UsageError, as
    `sinks.send` does."""
    told = msgspec.convert(about, About)
    profile = _session(run).profile
    if profile.kept_notices is not None:
        profile.kept_notices.append((channel, notice(told)))
        return
    function = profile.functions.get(told.function)
    folders = [Path(function.home.folder)] if function is not None and function.home.folder else []
    url = resolved(channel, list(profile.functions.values()), [*folders, Path.cwd()])
    import_module("podium.client.sinks").send(url, notice(told), key)  # late: mail and HTTP load slowly


def count_since(run: str, about: dict[str, Any], since: float) -> list[Any]:
    """How many more there were of that fingerprint after `since`; of the newest of them its id and what it
    says; then, for the next count, since when, and what there was after that.

    What comes later on record may have an earlier time, so the next count begins before the newest; and not
    later than now, whatever a clock elsewhere says.
    """
    told, session = msgspec.convert(about, About), _session(run)
    there = _since(session.store, told, since)
    found = [each for each in there if each.run != told.run and (each.run, each.at) not in told.told]
    last = found[0] if found else _Other(since, "", "")
    next_since = max(since, with_slack(min(last.at, session.profile.env.now())))
    seen = [(each.run, each.at) for each in there if each.at > next_since]
    return [len(found), last.run, last.said, next_since, seen]


def notice(about: About) -> Notice:
    """What people read."""
    label = about.function.rpartition(":")[2]
    said = redacted(about.said)
    what = {"failed": "failed", "late": "is late", "waiting": "waits for a person"}[about.kind]
    title = f"{label} {what}" + (f": {about.more:,} more in the last hour" if about.more else "")
    lines = [said]
    if about.run:
        lines += ["", f"run       {about.run}", f"look      podium why {about.run}"]
    if about.kind == "waiting":
        lines.append(f"answer    podium answer {about.run} VALUE")
    lines += [f"workflow  {about.function}", f"at        {iso(about.at)}"]
    return Notice(
        kind=about.kind, title=title, text="\n".join(lines), workflow=about.function, run=about.run,
        at=iso(about.at) or "", more=about.more,
    )  # fmt: skip


def _session(run: str) -> Session:
    app = apps.of_task()
    if app is None:
        raise EngineStopped(f"the engine that drives alert {run} is gone")
    return app.session


class _Other(NamedTuple):
    """A run that would have been told of by itself, when it came to that, and what it says."""

    at: float
    run: str
    said: str


def _since(store: Store, about: About, since: float) -> list[_Other]:
    """Those that came later than `since`, the newest first."""
    if about.kind == "late":
        return []  # the next instant that is late tells by itself
    found = _questions(store, about, since) if about.kind == "waiting" else _ended(store, about, since)
    return sorted(found, reverse=True)


def _ended(store: Store, about: About, since: float) -> Iterator[_Other]:
    # What is parked has not ended, and says only in its reason since when it is.
    failed = Query(
        function=about.function, states=frozenset({State.FAILED}), ended=(since, math.inf), limit=COUNTED_MAX
    )
    parked = Query(function=about.function, states=frozenset({State.PARKED}), limit=COUNTED_MAX)
    for row in (*store.find(failed), *store.find(parked)):
        at = read_reason(row.payload).at if row.ended is None else row.ended
        if at > since:
            sort, said = how_it_ended(row.state, row.payload)
            if about.fingerprint == fingerprint(about.function, "failed", sort):
                yield _Other(at, row.id, said)


def _questions(store: Store, about: About, since: float) -> Iterator[_Other]:
    waits = [
        wait
        for wait in store.open_waits("", QUESTION, OPEN_MAX)
        if about.fingerprint == fingerprint(about.function, "waiting", wait.step.partition("#")[0])
    ]  # fmt: skip
    runs = store.load_many(list({wait.run for wait in waits}))
    for wait in waits:
        row = runs.get(wait.run)
        if row is not None and row.function == about.function:
            at = _asked_at(store, row, wait.step, since)
            if at > since:
                yield _Other(at, row.id, wait.prompt)


def _asked_at(store: Store, row: RunRow, step: str, since: float) -> float:
    """When a question was asked; 0.0: before `since`."""
    for entry in history.newest(store, row):
        if entry.at < since:
            break
        if entry.kind is Kind.SENT and entry.step == step:
            return entry.at
    return 0.0
