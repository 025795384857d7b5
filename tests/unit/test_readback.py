"""What became of a commit whose result nobody knows: lines alone are a trace, too."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from podium.engine.readback import read_back
from podium.model import (
    Answer,
    Entry,
    Fence,
    Kind,
    LogLine,
    Message,
    Move,
    NewRun,
    Outcome,
    State,
    Verdict,
    Wait,
    Write,
)
from podium.model import EngineRow as Engine
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


# -- what crosses a run's border: nothing is told lost, nothing twice ----------------------------------------


def start(id: str, **given: Any) -> Write:
    return Write(new_runs=(NewRun(id, "app:flow", b"", b"", 5.0, starter="/s.py", **given),))


def lost_answer(store: Store, *writes: Write) -> list[Verdict]:
    """Commit, forget what was answered, and find out."""
    store.commit("e1", writes)
    verdicts = read_back(store, "e1", writes)
    assert verdicts is not None, "it has left a trace, so it must not be sent again"
    return verdicts


def test_a_start_that_has_attached_gets_its_run_and_makes_no_second_one(store: Store) -> None:
    store.announce(Engine("e0", 0, "h", 1, 1.0))
    store.commit("e0", [start("r2", owned=True)])
    store.release({"e0": 0}, 0.0)
    (verdict,) = lost_answer(store, start("r3", attach=True))
    assert verdict.runs == ((Outcome.ATTACHED, "r2"),)
    assert store.load("r3") is None


def test_a_start_by_a_chosen_id_is_told_as_the_one_that_made_the_run(store: Store) -> None:
    (verdict,) = lost_answer(store, start("order-7", explicit_id=True))
    assert verdict.runs == ((Outcome.DONE, "order-7"),)


def test_a_chosen_id_that_somebody_else_has_taken_is_told_as_taken(store: Store) -> None:
    others = Write(new_runs=(NewRun("order-7", "app:flow", b"", b"", 4.0, explicit_id=True),))
    store.commit("e1", [others])
    verdicts = lost_answer(store, start("r2"), start("order-7", explicit_id=True))
    assert [verdict.runs for verdict in verdicts] == [
        ((Outcome.DONE, "r2"),),
        ((Outcome.EXISTS, "order-7"),),
    ]
    different = Write(new_runs=(NewRun("order-7", "app:flow", b"", b"other", 5.0, explicit_id=True),))
    _, conflict = lost_answer(store, start("r3"), different)
    assert conflict.outcome is Outcome.CONFLICT


def test_what_a_run_sent_and_started_is_told_as_it_came_out(store: Store) -> None:
    entry = Entry(1, Kind.RESULT, 6.0, "/say", b"", b"1")
    child = NewRun("child", "app:flow", b"", b"", 6.0, explicit_id=True, parent="r1")
    sent = tuple(Message(f"m{n}", run, "signal", 6.0) for n, run in enumerate(["nobody", "child", "r1"]))
    waits = (Wait("/child", "child"), Wait("/nobody", "nobody"))
    answers = (Answer("nobody-asks", 6.0, b""),)
    write = Write(FENCE, None, (entry,), (), sent, (child,), waits=waits, answers=answers)
    (told,) = store.commit("e1", [write])
    assert told.outcome is Outcome.DONE
    assert read_back(store, "e1", [write]) == [told]
    assert [message.id for message in store.inbox("r1")] == ["m2"], "sent once"


def test_it_asks_the_store_no_oftener_for_many_writes(store: Store) -> None:
    store.commit("e1", [start(f"q{n}", owned=True) for n in range(50)])
    entry = Entry(1, Kind.RESULT, 6.0, "/say", b"", b"1")
    writes = [Write(Fence(f"q{n}", 1, FENCE.states), None, (entry,)) for n in range(50)]
    writes += [start(f"s{n}", explicit_id=bool(n % 2)) for n in range(50)]
    store.commit("e1", writes)
    counting: Any = Mock(wraps=store)
    verdicts = read_back(counting, "e1", writes)
    assert verdicts is not None
    assert {verdict.outcome for verdict in verdicts} == {Outcome.DONE}
    assert len(counting.method_calls) <= 4, counting.method_calls


def test_a_wait_that_is_in_is_found_behind_any_number_of_others(store: Store) -> None:
    others = tuple(Wait(f"/0.{n}/ask#0", f"q{n}", "answer") for n in range(10_500))
    store.commit("e1", [Write(fence=FENCE, waits=others)])
    sent = Entry(1, Kind.SENT, 2.0, "/1/ask#0", name="q")
    writes = [Write(fence=FENCE, entries=(sent,), waits=(Wait("/1/ask#0", "q", "answer"),))]
    store.commit("e1", writes)
    found = read_back(store, "e1", writes)
    assert found is not None
    assert found[0].waits == (Outcome.DONE,)
