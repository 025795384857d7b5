"""What became of a commit whose result nobody knows: lines alone are a trace, too."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from podium.engine.readback import read_back
from podium.model import EngineRow as Engine
from podium.model import Entry, Fence, Kind, LogLine, Move, NewRun, Outcome, State, Write
from podium.store import Store, open_store

_names = itertools.count()
SAID = tuple(LogLine("/say", 1, 5.0 + n, 0, f"line {n}") for n in range(3))
FENCE = Fence("r1", 1, frozenset({State.RUNNING}))


@pytest.fixture
def store() -> Iterator[Store]:
    store = open_store(f"sqlite:///:memory:?readback-{next(_names)}")
    store.migrate()
    store.announce(Engine("e1", 0, "h", 1, 1.0))
    store.commit("e1", [Write(new_runs=(NewRun("r1", "app:flow", b"", b"", 1.0, owned=True),))])
    yield store
    store.close()


@pytest.mark.parametrize("before", [(), SAID[:1], SAID], ids=["first", "after one", "after the same text"])
def test_lines_alone_that_are_in_are_found_in(store: Store, before: tuple[LogLine, ...]) -> None:
    earlier = tuple(LogLine(line.step, 1, line.at - 100, 0, line.text) for line in before)
    store.commit("e1", [Write(fence=FENCE, logs=earlier)])
    writes = [Write(fence=FENCE, logs=SAID)]
    assert read_back(store, "e1", writes) is None, "not yet: it may be sent"
    store.commit("e1", writes)
    verdicts = read_back(store, "e1", writes)
    assert verdicts is not None
    assert [verdict.outcome for verdict in verdicts] == [Outcome.DONE]
    assert len(store.logs("r1")) == len(before) + 3


def test_entries_tell_for_the_lines_that_came_with_them(store: Store) -> None:
    entry = Entry(1, Kind.RESULT, 6.0, "/say", b"", b"1")
    writes = [Write(fence=FENCE, entries=(entry,), logs=SAID)]
    assert read_back(store, "e1", writes) is None
    store.commit("e1", writes)
    assert read_back(store, "e1", writes) is not None


def test_what_another_owner_said_is_not_taken_for_ours(store: Store) -> None:
    store.retire("e1")
    store.announce(Engine("e2", 0, "h", 2, 10.0))
    (head,) = store.claim("e2", {"app:flow": ""}, 1, 10.0).heads
    other = Fence("r1", head.token, frozenset({State.RUNNING}))
    store.commit("e2", [Write(fence=other, logs=SAID[:2])])
    writes = [Write(fence=FENCE, logs=SAID)]
    assert read_back(store, "e1", writes) is None
    assert store.commit("e1", writes)[0].outcome is Outcome.REFUSED


def test_a_batch_is_told_by_any_of_its_writes(store: Store) -> None:
    moves = Write(fence=FENCE, move=Move(State.WAITING, due=99.0), logs=SAID)
    store.commit("e1", [moves])
    verdicts = read_back(store, "e1", [moves, Write(fence=Fence("r9", 1, FENCE.states), logs=SAID)])
    assert verdicts is not None
    assert [verdict.outcome for verdict in verdicts] == [Outcome.DONE, Outcome.REFUSED]
