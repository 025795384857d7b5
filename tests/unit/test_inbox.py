"""What lies in the inbox of a run in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from podium.engine.inbox import Inbox
from podium.model import SIGNAL, Head, Message

HEAD = Head("run", "app:f", 7, b"", b"", 0.0, 0.0)


class Counted(dict[str, Any]):
    """Counts how often it is walked."""

    walks = 0

    def values(self) -> Any:
        self.walks += 1
        return super().values()


def test_signals_that_nobody_receives_cost_one_look_each() -> None:
    outside, nothing = Counted(), Any
    machine: Any = SimpleNamespace(finished=None, outside=outside)
    driver: Any = SimpleNamespace(delivered={})
    inbox = Inbox(nothing, HEAD, machine, driver, nothing)
    signals = [Message(str(n), "run", SIGNAL, 0.0, name="go", n=n) for n in range(1, 201)]
    for _ in range(5):  # looks, each of which brings all that lie there
        for message in signals:
            inbox.take(message)
    assert 0 < outside.walks <= len(signals)
