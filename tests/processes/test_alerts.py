"""Alerts whose worker is killed while the sink has them: the next one sends them again, by the same key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podium.model import ALERT, Query, State
from tests.embedded.sinks import Hook
from tests.processes.support import FLOWS, Host
from tests.waiting import until


@pytest.fixture
def hook(host: Host) -> Iterator[Hook]:
    hook = Hook()
    (host.folder / "pyproject.toml").write_text(f'[tool.podium.channels]\nops = "{hook.url}"\n')
    yield hook
    hook.close()


def test_a_worker_killed_before_the_sink_has_answered_loses_no_alert(hook: Hook, host: Host) -> None:
    worker = host.worker(FLOWS)
    hook.on_post = lambda: worker.kill() if len(hook.posts) == 1 else 0.0
    host.start(f"{FLOWS}:tells")
    until(lambda: hook.posts)
    host.worker(FLOWS)
    until(lambda: len(hook.posts) == 2)
    first, again = hook.posts
    assert (first.key, first.body) == (again.key, again.body)
    (row,) = host.app.find(Query(function=ALERT))
    until(lambda: host.app.load(row.id).state is State.WAITING)
    assert len(hook.posts) == 2
