"""When an engine has old messages forgotten."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from podium.depot import UNNAMED_SECONDS
from podium.engine.upkeep import EVERY_SECONDS, FIRST_SECONDS, Upkeep
from podium.errors import StoreUnavailable
from podium.options import Options


class _Rig:
    """An engine's context, with a clock set by hand; `asked` are the calls, `then` answers the last."""

    def __init__(self) -> None:
        self.time, self.asked = 0.0, list[float]()
        self.then: Any = None
        env = SimpleNamespace(monotonic=lambda: self.time, now=lambda: 1000.0 + self.time)
        self.swept = list[float]()
        store = SimpleNamespace(
            expire=lambda before, limit: self.asked.append(before),
            forget_measures=self._forget_measures,
            sweep=self.swept.append,
        )
        context: Any = SimpleNamespace(
            env=env,
            store=store,
            options=Options(messages_kept=300.0, measures_kept=500.0),
            committer=SimpleNamespace(ask=self._ask),
            reader=SimpleNamespace(do=lambda call, _: call()),
        )
        self.upkeep = Upkeep(context)

    def _forget_measures(self, before: float, limit: int) -> int:
        assert before == self.asked[-1] - 200.0
        return 0

    def _ask(self, call: Any, then: Any) -> None:
        call()
        self.then = then

    def poll(self, at: float) -> list[float]:
        self.time = at
        self.upkeep.poll()
        return self.asked


def test_what_was_taken_longer_ago_than_the_option_says_is_forgotten_now_and_then() -> None:
    rig = _Rig()
    assert rig.poll(FIRST_SECONDS - 1) == []
    assert rig.poll(FIRST_SECONDS) == [700.0 + FIRST_SECONDS]
    assert rig.swept == [1000.0 + FIRST_SECONDS - UNNAMED_SECONDS]
    rig.then(False, None)
    assert len(rig.poll(FIRST_SECONDS + 1)) == 1
    assert len(rig.poll(FIRST_SECONDS + EVERY_SECONDS)) == 2


def test_where_there_is_more_the_next_poll_goes_on_and_trouble_waits_for_the_next_time() -> None:
    rig = _Rig()
    rig.poll(FIRST_SECONDS)
    rig.then(True, None)
    assert len(rig.poll(FIRST_SECONDS + 1)) == 2
    rig.then(None, StoreUnavailable("busy"))
    assert len(rig.poll(FIRST_SECONDS + 2)) == 2
