"""What a run has to write, and what waits for it to be durable."""

from __future__ import annotations

from typing import Any

import pytest

from podium.engine.outbox import Outbox
from podium.engine.residency import CHANGES, Residency, changed
from podium.errors import InternalError
from podium.model import STDOUT, Entry, Head, Kind, LogLine, Message, Move, NewRun, State, StepWrite, Wait

HEAD = Head("run", "app:f", 7, b"", b"", 0.0, 0.0, entries=4)
COMMAND: Any = object()
LATER: Any = object()


def entry(outbox: Outbox) -> Entry:
    made = Entry(outbox.next_seq(), Kind.TICK, 0.0)
    outbox.record(made)
    return made


def test_nothing_to_say_is_no_write() -> None:
    assert Outbox(HEAD).take() is None


def test_entries_go_on_where_the_history_ends_and_are_fenced_by_the_token() -> None:
    outbox = Outbox(HEAD)
    made = [entry(outbox), entry(outbox)]
    write = outbox.take()
    assert write is not None
    assert [e.seq for e in write.entries] == [5, 6] == [e.seq for e in made]
    assert write.fence is not None
    assert (write.fence.run, write.fence.token, write.fence.states) == ("run", 7, {State.RUNNING})


def test_what_is_held_is_given_back_by_the_verdict_of_its_own_write() -> None:
    outbox = Outbox(HEAD)
    entry(outbox)
    outbox.held.append(COMMAND)
    assert outbox.must_commit_first
    assert outbox.take() is not None
    entry(outbox)
    outbox.held.append(LATER)
    assert outbox.take() is None, "one is under way"
    assert outbox.settle() == [COMMAND]
    second = outbox.take()
    assert second is not None
    assert [e.seq for e in second.entries] == [6]
    assert outbox.settle() == [LATER]
    assert not outbox.must_commit_first


def test_one_write_carries_all_that_crosses_the_runs_border() -> None:
    outbox = Outbox(HEAD)
    entry(outbox)
    message = Message("m", "other", "cancel", 0.0)
    child = NewRun("child", "app:g", b"", b"", 0.0)
    outbox.send([message], [child])
    outbox.extras.consumed.append("taken")
    outbox.extras.logs.append(LogLine("", 0, 0.0, STDOUT, "hello"))
    outbox.move = Move(State.WAITING, due=1.0)
    write = outbox.take()
    assert write is not None
    assert (write.messages, write.new_runs, write.consumed) == ((message,), (child,), ("taken",))
    assert (write.move, len(write.logs)) == (Move(State.WAITING, due=1.0), 1)
    outbox.settle()
    assert outbox.take() is None, "and each of it once"


def test_what_was_added_and_taken_back_makes_no_write_of_its_own() -> None:
    outbox = Outbox(HEAD)
    outbox.extras.waits.append(Wait("step", "child"))
    outbox.extras.waits.clear()
    assert outbox.take() is None
    entry(outbox)
    write = outbox.take()
    assert type(write) is StepWrite
    outbox.settle()
    assert outbox.take() is None


def test_refused_data_takes_back_the_number_of_its_first_entry_but_not_the_log() -> None:
    outbox = Outbox(HEAD)
    entry(outbox)
    write = outbox.take()
    assert write is not None
    outbox.settle()
    entry(outbox)
    outbox.extras.logs.append(LogLine("", 0, 0.0, STDOUT, "why"))
    outbox.rewind(write)
    assert (outbox.next_seq(), outbox.entries, len(outbox.extras.logs)) == (5, [], 1)


@pytest.mark.parametrize("before", Residency)
@pytest.mark.parametrize("after", Residency)
def test_a_run_in_memory_moves_along_the_table_only(before: Residency, after: Residency) -> None:
    if after in CHANGES[before]:
        assert changed(before, after) is after
    else:
        with pytest.raises(InternalError, match=f"from {before.value} to {after.value}"):
            changed(before, after)


def test_what_is_gone_stays_gone_and_everything_can_go() -> None:
    assert not CHANGES[Residency.GONE]
    assert all(Residency.GONE in after for before, after in CHANGES.items() if before is not Residency.GONE)
