"""Runs that were asked to stop and that nobody may ever claim: the engine that has asked ends them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from podium.engine.calling_off import CallingOff
from podium.errors import StoreUnavailable
from podium.model import CANCEL, Message, RunRow, State


def test_it_looks_again_when_the_store_could_not_be_read() -> None:
    row = RunRow(
        id="child", function="gone:flow", state=State.QUEUED, token=0, owner=None, created=0.0, started=None,
        ended=None, due=0.0, args=b"", payload=b"", digest=b"", lost=0, entries=0, fingerprint="", starter="",
        tags=(), inbox=1,
    )  # fmt: skip
    looks: list[Callable[..., None]] = []
    later: list[Callable[[], None]] = []
    written: list[Any] = []
    context: Any = SimpleNamespace(
        store=SimpleNamespace(load_many=lambda runs: {row.id: row}),
        committer=SimpleNamespace(ask=lambda _, then: looks.append(then), touch=written.append),
        reactor=SimpleNamespace(call_later=lambda _, act, *args: later.append(lambda: act(*args))),
        env=SimpleNamespace(now=lambda: 1.0),
    )
    off = CallingOff(context, lambda told: None, lambda run: None, lambda: None)
    off.end([Message("@1:cancel", "child", CANCEL, 0.0, sender="parent")])
    looks.pop()(None, StoreUnavailable("busy"))
    assert not written
    later.pop()()
    looks.pop()({row.id: row}, None)
    assert written[0].take_write().move.state is State.CANCELLED
