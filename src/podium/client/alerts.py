"""What a run of the built-in workflow of alerts does: it gets a notice through, and looks what came since."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from ..engine import About, fingerprint, how_it_ended
from ..errors import EngineStopped
from ..inspect import iso
from ..model import ANSWER, Query, State
from ..redaction import redacted
from ..store import Store
from .app import apps
from .channels import Notice, resolved
from .session import Session

QUIET_SECONDS = 3600.0  # between two notices of one fingerprint
COUNTED_MAX = 1000


def deliver(run: str, about: dict[str, Any], channel: str, key: str) -> None:
    """Send one notice to one channel. Raises ConnectionError and UsageError, see `channels.send`."""
    told = msgspec.convert(about, About)
    profile = _session(run).profile
    function = profile.functions.get(told.function)
    folders = [Path(function.home.folder)] if function is not None and function.home.folder else []
    url = resolved(channel, list(profile.functions.values()), [*folders, Path.cwd()])
    import_module("podium.client.sinks").send(url, notice(told), key)  # late: mail and HTTP load slowly


def count_since(run: str, about: dict[str, Any], since: float) -> list[Any]:
    """How many more there were of that fingerprint, after the one that was told of; the newest of them and
    what it says."""
    told, session = msgspec.convert(about, About), _session(run)
    found = _since(session.store, told, since)
    return [len(found), *(found[0] if found else ("", ""))]


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
    session = apps.driving(run)
    if not isinstance(session, Session):
        raise EngineStopped(f"the engine that drives alert {run} is gone")
    return session


def _since(store: Store, about: About, since: float) -> list[tuple[str, str]]:
    """Runs and what they say, the newest first, that would have been told of by themselves."""
    if about.kind == "waiting":
        rows = [
            row
            for row in store.waits(limit=COUNTED_MAX)
            if row.kind == ANSWER and row.prompt and row.taken is None and row.run != about.run
        ]
        runs = store.load_many(list({row.run for row in rows}))
        found = [
            (runs[row.run].created, row.run, row.prompt)
            for row in rows
            if row.run in runs and runs[row.run].function == about.function and runs[row.run].created > since
        ]
        return [(run, prompt) for _, run, prompt in sorted(found, reverse=True)]
    if about.kind == "late":
        return []  # the next instant that is late tells by itself
    states = frozenset({State.FAILED, State.PARKED})
    rows = store.find(Query(function=about.function, states=states, limit=COUNTED_MAX))
    since_then = [row for row in rows if (row.ended or row.created) > since and row.id != about.run]
    told = [(row.id, *how_it_ended(row.state, row.payload)) for row in since_then]
    return [
        (run, said)
        for run, sort, said in told
        if about.fingerprint == fingerprint(about.function, "failed", sort)
    ]
