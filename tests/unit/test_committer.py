"""Who cannot give what it has to write keeps nobody else from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from podium.engine.committer import Committer
from podium.model import Outcome, Verdict, Write


class Source:
    """Gives a write, unless it is in trouble."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.told: list[Outcome] = []

    def take_write(self) -> Write | None:
        if self.trouble is not None:
            raise self.trouble
        return Write()

    def committed(self, write: Write, verdict: Verdict) -> None:
        self.told.append(verdict.outcome)


class House:
    """A committer, a store that takes everything, and a loop whose callbacks wait until they are let go."""

    def __init__(self) -> None:
        self.ready: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.later: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.fatal: list[BaseException] = []
        store: Any = SimpleNamespace(near=True, commit=self._commit, checkpoint_due=lambda: False)
        env: Any = SimpleNamespace(monotonic=lambda: 1.0)
        reactor: Any = SimpleNamespace(
            call_soon=lambda act, *args: self.ready.append((act, args)),
            call_later=lambda _, act, *args: self.later.append((act, args)),
        )
        writer: Any = None
        self.committer = Committer(store, "me", env, reactor, writer, self.fatal.append)

    def _commit(self, engine: str, writes: Sequence[Write]) -> list[Verdict]:
        return [Verdict(Outcome.DONE)] * len(writes)

    def run(self) -> None:
        while self.ready:
            act, args = self.ready.pop(0)
            act(*args)

    def wait(self) -> None:
        """Let the time pass that somebody waits for."""
        self.ready, self.later = [*self.ready, *self.later], []
        self.run()


@pytest.mark.parametrize("alone", [True, False])
def test_a_source_that_lacks_memory_is_asked_again_and_others_are_committed(alone: bool) -> None:
    house, bad, others = House(), Source(), [] if alone else [Source(), Source()]
    bad.trouble = MemoryError()
    for source in [*others[:1], bad, *others[1:]]:
        house.committer.touch(source)
    house.run()
    assert [source.told for source in others] == [[Outcome.DONE]] * len(others)
    assert (bad.told, house.fatal) == ([], [])
    bad.trouble = None
    house.wait()
    assert bad.told == [Outcome.DONE]


@pytest.mark.parametrize("alone", [True, False])
def test_an_error_of_ours_ends_the_engine_and_nothing_is_acted_upon(alone: bool) -> None:
    house, bad, others = House(), Source(), [] if alone else [Source(), Source()]
    bad.trouble = ValueError("ours")
    for source in [*others[:1], bad, *others[1:]]:
        house.committer.touch(source)
    house.run()
    assert house.fatal == [bad.trouble]
    assert [source.told for source in others] == [[]] * len(others)
    assert house.committer.stopped
