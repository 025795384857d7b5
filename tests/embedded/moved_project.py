"""A project with schedules, an alert that is not delivered yet and a named workflow, to be moved; and what
must go on in the other store as if nothing had happened."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, Retry
from podium.client import move
from podium.functions import Function, registry
from podium.model import ALERT, SCHEDULE, UNFINISHED, Kind, Query, State
from podium.store import shown_url
from tests.embedded.sinks import Hook
from tests.waiting import until

SOURCE = """
from podium import alert, every, workflow

@workflow(schedule=every("1s", catch_up="all", overlap="allow"))
def ticks() -> None: ...

@workflow(schedule=every("1s"))
def rests() -> None: ...

@workflow(alerts=[alert.failed("ops")])
def fails() -> None:
    raise ValueError("boom")

@workflow(name="named by its author")
def named() -> str:
    return "done"
"""
OPTIONS = Options(poll=0.05, grace=0.2)


@dataclasses.dataclass
class Project:
    """A folder with a store of its own, whose code this process has."""

    folder: Path
    flows: Any  # its module
    functions: dict[str, Function]
    hook: Hook

    @property
    def own_store(self) -> str:
        return f"sqlite:///{self.folder / '.podium' / 'podium.db'}"

    def opened(self, url: str) -> App:
        return App(url, drives="all", options=OPTIONS, starter="", functions=self.functions)


@contextmanager
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Called shop; its channel ops is a webhook that is broken."""
    (folder / ".podium").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    name = f"flows_of_{folder.name.replace('-', '_')}"
    (folder / f"{name}.py").write_text(SOURCE)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(registry["podium:deliver"], "retry", Retry(times=10_000, wait=0.05))
    flows = import_module(name)
    ours = [each for each in registry if each.startswith(f"{name}:") or each == "named by its author"]
    functions = {**{n: f for n, f in registry.items() if f.is_built_in}, **{n: registry.pop(n) for n in ours}}
    hook = Hook()
    monkeypatch.setenv("PODIUM_CHANNEL_OPS", hook.url)
    try:
        yield Project(folder, flows, functions, hook)
    finally:
        hook.close()
        del sys.modules[name]


def check_project_moves(shop: Project, source: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is once in the target, and goes on from where it was."""
    _begin(shop, source)
    named = _leave_in_the_middle(shop, source, monkeypatch)
    assert move(source, target).target == shown_url(target)
    shop.hook.answers = []  # somebody has mended it meanwhile
    with shop.opened(target) as app:
        until(lambda: len(_instants(app)) > 4, lambda: _instants(app))
        assert {each.name.partition(":")[2]: each.state for each in podium.schedules(app)} == {
            "ticks": "on time", "rests": "paused",
        }  # fmt: skip
        seconds = _instants(app)
        assert seconds == list(range(seconds[0], seconds[-1] + 1)), "none was missed, and none came twice"
        assert podium.get(named).result(20) == "done"
        until(lambda: _is_delivered(app))
        again = shop.flows.fails.start()
        until(lambda: again.state == "failed")
        assert len(app.find(Query(function=ALERT))) == 1, "once an hour, here as there"
        rests = next(each for each in podium.schedules(app) if each.name.endswith("rests"))
        before = len(list(podium.runs("workflow:rests")))
        rests.resume()
        until(lambda: len(list(podium.runs("workflow:rests"))) > before)
        assert len(app.find(Query(function=SCHEDULE, states=UNFINISHED))) == 2


def _begin(shop: Project, url: str) -> None:
    shop.hook.answers = [500] * 100_000
    with shop.opened(url) as app:
        until(lambda: len(_instants(app)) > 0)
        next(each for each in podium.schedules(app) if each.name.endswith("rests")).pause()
        failed = shop.flows.fails.start()
        until(lambda: failed.state == "failed" and shop.hook.posts)


def _leave_in_the_middle(shop: Project, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A look at the schedule has begun and is lost; the id of a run that waits for an engine."""

    def looks_for_ever(*_: object) -> Any:
        begun.append(True)
        until(lambda: ended)

    begun: list[bool] = []
    ended: list[bool] = []
    with monkeypatch.context() as patch:
        patch.setattr(import_module("podium.client.schedules"), "start_due", looks_for_ever)
        with shop.opened(url):
            until(lambda: begun)
        ended.append(True)
    with App(url, drives="nothing", functions=shop.functions):
        return shop.flows.named.start().id


def _instants(app: App) -> list[int]:
    """Seconds since the epoch for which a run has ended."""
    query = Query(states=frozenset({State.SUCCEEDED}), limit=1000)
    at = [row.id.partition("@")[2] for row in app.find(query) if row.function.endswith(":ticks")]
    return sorted(int(datetime.datetime.fromisoformat(each).timestamp()) for each in at)


def _is_delivered(app: App) -> bool:
    (alert,) = app.find(Query(function=ALERT))
    return any(entry.kind is Kind.RESULT for entry in app.store.history(alert.id))
