"""Values that are kept by reference: what a run names stays, and what nothing names goes."""

from __future__ import annotations

import os

import pytest

from podium import codec
from podium.codec import Blob
from podium.model import FINAL, Message, Move, State, StepProgress, Write
from podium.store import Store
from tests.store.words import DONE, INVALID, commit, fenced, message, new, outcomes, own, result

EVER = 1e12  # a time after which nothing was put there


def kept(store: Store, text: str) -> bytes:
    """A payload that names a value, which lies in the depot now."""
    return codec.encode({"value": Blob(text.encode())}, depot=store.depot)


def there(store: Store, payload: bytes) -> bool:
    (name,) = codec.names_in(payload)
    return store.depot.holds(name)


def swept(store: Store, *payloads: bytes) -> list[bool]:
    """Which of these payloads still have their value after a sweep."""
    store.sweep(EVER)
    return [there(store, payload) for payload in payloads]


def test_what_no_run_names_goes_once_it_is_old_enough(store: Store) -> None:
    payload = kept(store, "x")
    (lain,) = store.depot.all()
    assert store.sweep(lain.at) == (0, 0)
    assert there(store, payload)
    assert store.sweep(lain.at + 1) == (1, 1)
    assert not there(store, payload)
    assert store.sweep(EVER) == (0, 0)


def test_what_an_attempt_has_left_half_written_goes_too(store: Store) -> None:
    store.depot.folder.mkdir(exist_ok=True)
    (store.depot.folder / ".new-abc").write_bytes(b"half")
    assert store.sweep(0.0) == (0, 0)
    assert store.sweep(EVER) == (1, 4)


def test_every_row_of_a_run_keeps_what_its_payload_names(store: Store) -> None:
    args, queued, entry, signal, said = (kept(store, name) for name in ("args", "q", "e", "s", "p"))
    own(store, "r1", args=args)
    commit(store, Write(new_runs=(new("r2", args=queued),)))
    progress = StepProgress("s#2", 1, 12.0, said)
    write = fenced(entries=(result(1, payload=entry),), progress=(progress,))
    assert outcomes(store, write) == [DONE]
    commit(store, Write(messages=(message(run="r2", payload=signal),)), engine=None)
    assert all(swept(store, args, queued, entry, signal, said))
    end = kept(store, "end")
    assert outcomes(store, fenced(move=Move(State.SUCCEEDED, payload=end))) == [DONE]
    assert all(swept(store, args, queued, entry, signal, end))


def test_a_lone_entry_keeps_its_value(store: Store) -> None:
    own(store, "r1")
    payload = kept(store, "lone")
    assert outcomes(store, fenced(entries=(result(1, payload=payload),))) == [DONE]
    assert swept(store, payload) == [True]


def test_a_value_goes_with_the_last_run_that_names_it(store: Store) -> None:
    payload, mine = kept(store, "both"), kept(store, "mine")
    for run in ("r1", "r2"):
        own(store, run)
        assert outcomes(store, fenced(run, entries=(result(1, payload=payload),))) == [DONE]
        end = mine if run == "r1" else b""
        assert outcomes(store, fenced(run, move=Move(State.FAILED, payload=end))) == [DONE]
    copy = new("r3", copy_from=("r2", 1), origin="r2")
    assert outcomes(store, Write(new_runs=(copy,)), engine=None) == [DONE]
    for run, still in (("r1", True), ("r2", True)):
        forgets = fenced(run, 1, list(FINAL), forget=True)
        if run == "r2":  # a copy that has not ended rests on it
            assert outcomes(store, fenced("r3", 0, (State.QUEUED,), move=Move(State.CANCELLED)), engine=None)
        assert outcomes(store, forgets, engine=None) == [DONE]
        assert swept(store, payload, mine) == [still, False]
    gone = fenced("r3", 0, list(FINAL), forget=True)
    assert outcomes(store, gone, engine=None) == [DONE]
    assert swept(store, payload) == [False]


def test_a_generation_keeps_its_own_and_the_one_before(store: Store) -> None:
    own(store, "r1")
    first, second = kept(store, "1"), kept(store, "2")

    def again(token: int, seq: int, payload: bytes, args: bytes) -> None:
        move = Move(State.WAITING, due=0.0, at=20.0, again=args)
        assert outcomes(store, fenced("r1", token, entries=(result(seq, payload=payload),), move=move)) == [
            DONE
        ]
        store.claim("e1", {"app:flow": "v1"}, 9, 30.0)

    again(1, 1, first, second)
    assert swept(store, first, second) == [True, True]
    third = kept(store, "3")
    again(2, 2, b"", third)
    assert swept(store, first, second, third) == [False, True, True]


def test_a_write_that_names_what_is_not_there_is_invalid_and_hurts_no_neighbour(store: Store) -> None:
    own(store, "r1", "r2")
    payload = kept(store, "x")
    store.sweep(EVER)
    writes = [fenced("r1", entries=(result(1, payload=payload),)), fenced("r2", entries=(result(1),))]
    first, second = commit(store, *writes)
    assert (first.outcome, second.outcome) == (INVALID, DONE)
    (name,) = codec.names_in(payload)
    assert "is not in" in first.detail
    assert first.missing == str(store.depot.path(name))
    assert store.history("r1") == []


def test_a_value_that_comes_anew_is_not_swept(store: Store) -> None:
    payload = kept(store, "x")
    (lain,) = store.depot.all()
    os.utime(lain.path, (1000.0, 1000.0))
    assert kept(store, "x") == payload
    assert store.sweep(2000.0) == (0, 0)
    assert there(store, payload)


def test_while_the_folder_is_copied_nothing_goes(store: Store) -> None:
    payload = kept(store, "x")
    with store.depot.staying():
        assert swept(store, payload) == [True]
    assert swept(store, payload) == [False]


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "x" * 64, "A" * 64])
def test_a_name_leads_nowhere_else(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="names no content"):
        store.depot.path(name)


def test_the_outcome_of_a_child_is_kept_for_its_parent(store: Store) -> None:
    payload = kept(store, "child")
    own(store, "r1", "r2")
    sent = Message("m", "r1", "outcome", 5.0, payload, state="succeeded", sender="r2")
    assert outcomes(store, fenced("r2", move=Move(State.SUCCEEDED, payload=payload), messages=(sent,))) == [
        DONE
    ]
    assert outcomes(store, fenced("r2", 1, list(FINAL), forget=True), engine=None) == [DONE]
    assert swept(store, payload) == [True]
