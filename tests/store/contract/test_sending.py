"""A commit in two parts, of stores that have them: what it comes to is what `commit` makes of it."""

from __future__ import annotations

import select
import threading
from collections.abc import Sequence

import pytest

from podium.model import LogLine, Move, State, Verdict, Write
from podium.store import Sent, Store
from tests.postgres import is_pooled
from tests.store.conftest import Opener
from tests.store.words import DONE, INVALID, REFUSED, commit, fenced, message, new, outcomes, own, result
from tests.waiting import until


def nobody() -> None:
    """Is woken."""


def send(store: Store, *writes: Write) -> Sent | None:
    """What a store without two parts leaves to `commit`; the others have committed once and can."""
    sent = store.send("e1", writes, nobody)
    assert (sent is None) == (store.near or is_pooled())
    return sent


def answer(sent: Sent) -> list[Verdict] | None:
    """Waited for as a reactor does."""
    poll = select.poll()
    poll.register(sent.descriptor, select.POLLIN)
    while not sent.advance():
        assert poll.poll(30_000), "nothing has come"
    return sent.verdicts()


def verdicts(store: Store, *writes: Write) -> Sequence[Verdict]:
    """Of what is sent, or else committed."""
    sent = send(store, *writes)
    found = None if sent is None else answer(sent)
    return commit(store, *writes) if found is None else found


@pytest.fixture
def ready(store: Store) -> Store:
    """The engine e1 owns r1 and r2, and has committed an entry of a third."""
    own(store, "r0", "r1", "r2")
    assert outcomes(store, fenced("r0", entries=(result(1),))) == [DONE]
    return store


def test_steps_starts_and_ends_that_are_sent_are_made(ready: Store) -> None:
    writes = [
        Write(new_runs=(new("r3", owned=True, attach=True, starter="script.py"),)),
        fenced("r1", entries=(result(1), result(2)), logs=(LogLine("1", 1, 19.0, 20, "said"),)),
        fenced("r2", entries=(result(1),), move=Move(State.SUCCEEDED, payload=b"1")),
    ]
    found = verdicts(ready, *writes)
    assert [verdict.outcome for verdict in found] == [DONE] * 3
    assert found[0].runs == ((DONE, "r3"),)
    assert [entry.seq for entry in ready.history("r1")] == [1, 2]
    assert {id: row.state for id, row in ready.load_many(["r1", "r2", "r3"]).items()} == {
        "r1": State.RUNNING, "r2": State.SUCCEEDED, "r3": State.RUNNING,
    }  # fmt: skip
    assert [verdict.outcome for verdict in verdicts(ready, fenced("r1", entries=(result(3),)))] == [DONE]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (fenced("r2", token=7, entries=(result(1),)), REFUSED),
        (fenced("r2", entries=(result(2),)), INVALID),
        (fenced("r2", token=7, move=Move(State.SUCCEEDED)), REFUSED),
        (Write(new_runs=(new("r1", owned=True),)), INVALID),
    ],
)
def test_of_what_is_sent_all_happens_or_nothing_until_commit_says_why(
    ready: Store, wrong: Write, told: str
) -> None:
    good = fenced("r1", entries=(result(1),))
    sent = send(ready, good, wrong)
    if sent is not None:
        assert answer(sent) is None
        assert ready.history("r1") == []
    assert outcomes(ready, good, wrong) == [DONE, told]
    assert [verdict.outcome for verdict in verdicts(ready, fenced("r1", entries=(result(2),)))] == [DONE]


@pytest.mark.parametrize(
    "write",
    [
        fenced("r1", entries=(result(1, payload="text"),)),
        fenced("r1", entries=(result(1, attempt=1 << 70),)),
        fenced("r1", entries=(result(1, payload=b"x" * (2 << 20)),)),
        fenced("r1", entries=(result(1),), messages=(message("m1", "r2"),)),
        Write(),
    ],
    ids=["of a wrong type", "too large a number", "too many bytes", "a message", "nothing"],
)
def test_what_takes_more_than_a_record_is_left_to_commit(ready: Store, write: Write) -> None:
    assert ready.send("e1", [write], nobody) is None
    assert ready.history("r1") == []
    assert outcomes(ready, write) in ([DONE], [INVALID])


def test_one_commit_is_sent_at_a_time(ready: Store) -> None:
    sent = send(ready, fenced("r1", entries=(result(1),)))
    assert ready.send("e1", [fenced("r2", entries=(result(1),))], nobody) is None
    if sent is not None:
        assert answer(sent) is not None
        assert verdicts(ready, fenced("r2", entries=(result(1),)))


def test_who_commits_meanwhile_waits_for_the_answer_and_wakes_the_sender(ready: Store) -> None:
    """It may be in the sender's own thread, and that may have ended."""
    woken = threading.Event()
    sent = ready.send("e1", [fenced("r1", entries=(result(1),))], woken.set)
    assert outcomes(ready, fenced("r1", entries=(result(2 if sent else 1),))) == [DONE]
    if sent is not None:
        until(woken.is_set, "the sender is woken")
        assert sent.advance()
        assert sent.verdicts() == [Verdict(DONE)]
        assert [entry.seq for entry in ready.history("r1")] == [1, 2]


def test_what_was_sent_happens_although_nobody_asks(ready: Store, reopen: Opener) -> None:
    if send(ready, fenced("r1", entries=(result(1),))) is not None:
        ready.close()
        assert [entry.seq for entry in reopen().history("r1")] == [1]
