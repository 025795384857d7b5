"""Worlds in which something more is looked at: what each body does besides, and what is then on record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

from podium.executors import Attempt
from podium.testing import Setting, World
from podium.testing.executor import Invocation
from podium.testing.monitor import Monitor

_invoked, _close_books = World.invoked, Monitor.close_books


class Look:
    """`does`: by each attempt, beside its body; `look`: at the end, with `Monitor.check`; `setting`: of a
    seed."""

    def __init__(
        self,
        does: Callable[[Attempt, Invocation], None],
        look: Callable[[Monitor], None],
        setting: Callable[[int], Setting],
    ) -> None:
        self._does, self._look, self._setting = does, look, setting

    def play(self, seed: int) -> World:
        """The world of a seed, looked at."""

        def invoked(world: World, process: Any, attempt: Attempt) -> Invocation:
            invocation = _invoked(world, process, attempt)
            self._does(attempt, invocation)
            return invocation

        def close_books(monitor: Monitor) -> None:
            _close_books(monitor)
            self._look(monitor)

        world = World(seed, self._setting(seed))
        with patch.object(World, "invoked", invoked), patch.object(Monitor, "close_books", close_books):
            world.play()
        return world

    def count(self, seeds: Iterable[int], check: str) -> int:
        """How often this was checked; raises AssertionError where anything does not hold."""
        evaluated = 0
        for seed in seeds:
            world = self.play(seed)
            assert world.stage.violations == [], f"seed {seed}"
            evaluated += world.monitor.evaluations[check]
        return evaluated

    def catches(self, seeds: Iterable[int]) -> bool:
        """Whether any of these worlds shows that something is wrong."""
        return any(self.play(seed).stage.violations for seed in seeds)
