"""What runs say: kept with the Write that brings it, numbered, read in pages."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.model import STDERR, STDOUT, LogLine, Move, State, Write
from podium.store import Store
from tests.store.words import (
    DONE,
    FUNCTIONS,
    INVALID,
    REFUSED,
    at_once,
    commit,
    engine,
    fenced,
    new,
    outcomes,
    own,
    queue,
    result,
    row,
)


def said(text: str, **given: Any) -> LogLine:
    return LogLine(**{"step": "/app:say", "attempt": 1, "at": 5.0, "level": STDOUT, "text": text, **given})


def texts(store: Store, run: str = "r1", *args: Any, **named: Any) -> list[str]:
    return [line.text for line in store.logs(run, *args, **named)]


def test_lines_read_back_as_they_were_said_and_numbered_from_one(store: Store) -> None:
    own(store, "r1")
    lines = (
        said("plain"),
        said("", level=STDERR, attempt=2, at=6.25),
        said("two\nlines", level=40, step=""),
        said("nul \0, escape \x1b[31m, emoji \N{PARTY POPPER}", step="1.0/app:é#7"),
    )
    assert outcomes(store, fenced(logs=lines)) == [DONE]
    assert store.logs("r1") == [msgspec.structs.replace(line, n=n) for n, line in enumerate(lines, 1)]
    assert row(store).logs == 4


def test_numbers_go_on_from_write_to_write_and_belong_to_the_run(store: Store) -> None:
    own(store, "r1", "r2")
    assert outcomes(
        store,
        fenced("r1", logs=(said("a"), said("b"))),
        fenced("r2", logs=(said("c"),)),
        fenced("r1", logs=(said("d", n=99),)),
    ) == [DONE, DONE, DONE]
    commit(store, fenced("r1", entries=(result(1),), logs=(said("e"),)))
    assert [(line.n, line.text) for line in store.logs("r1")] == [(1, "a"), (2, "b"), (3, "d"), (4, "e")]
    assert [(line.n, line.text) for line in store.logs("r2")] == [(1, "c")]


def test_pages(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced(logs=tuple(said(str(n), step=f"s{n % 2}") for n in range(1, 11))))
    assert texts(store, "r1", 0, 3) == ["1", "2", "3"]
    assert texts(store, "r1", 3, 3) == ["4", "5", "6"]
    assert texts(store, "r1", 10) == []
    assert texts(store, "r1", 0, 2, step="s1") == ["1", "3"]
    assert texts(store, "r1", 3, step="s1") == ["5", "7", "9"]
    assert texts(store, "r1", step="nobody") == []
    assert store.logs("unknown") == []


def test_the_body_is_asked_for_by_an_empty_step(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced(logs=(said("task"), said("body", step="", attempt=0))))
    assert texts(store, "r1", step="") == ["body"]


def test_a_run_that_says_nothing_has_no_lines(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced(entries=(result(1),)))
    assert (row(store).logs, store.logs("r1")) == (0, [])


def test_a_refused_write_keeps_no_lines(store: Store) -> None:
    own(store, "r1")
    store.announce(engine("e2"))
    refused = fenced(token=9, entries=(result(1),), logs=(said("zombie"),))
    assert outcomes(store, refused, fenced(token=0, logs=(said("zombie"),))) == [REFUSED, REFUSED]
    assert outcomes(store, fenced(logs=(said("stranger"),)), engine="e2") == [REFUSED]
    assert store.logs("r1") == []


def test_only_an_owner_speaks_for_a_run(store: Store) -> None:
    queue(store, "r1")
    words = fenced("r1", 0, [State.QUEUED], move=Move(State.CANCELLED), logs=(said("not mine"),))
    assert outcomes(store, words, engine="e1") == [REFUSED]
    assert (row(store).state, store.logs("r1")) == (State.QUEUED, [])


def test_without_a_fence_nobody_speaks(store: Store) -> None:
    assert outcomes(store, Write(logs=(said("whose?"),))) == [INVALID]
    assert outcomes(store, Write(new_runs=(new("r2"),), logs=(said("whose?"),))) == [INVALID]
    assert store.load("r2") is None


def test_what_the_store_cannot_hold_is_invalid_and_hurts_no_neighbour(store: Store) -> None:
    own(store, "r1", "r2")
    assert outcomes(
        store,
        fenced("r1", entries=(result(1),), logs=(said("fine"), said("lone surrogate \udcff"))),
        fenced("r2", logs=(said("fine"),)),
    ) == [INVALID, DONE]
    assert store.history("r1") == store.logs("r1") == []
    assert texts(store, "r2") == ["fine"]


def test_the_last_lines_come_with_the_move_that_ends_the_run(store: Store) -> None:
    own(store, "r1")
    assert outcomes(store, fenced(move=Move(State.SUCCEEDED, at=9.0), logs=(said("bye"),))) == [DONE]
    assert outcomes(store, fenced(logs=(said("more"),))) == [REFUSED]
    assert texts(store) == ["bye"]


def test_the_next_owner_goes_on_with_the_numbers(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced(logs=(said("first"),)))
    store.retire("e1")
    store.announce(engine("e2"))
    (head,) = store.claim("e2", FUNCTIONS, 1, 10.0).heads
    assert outcomes(store, fenced("r1", head.token, logs=(said("second"),)), engine="e2") == [DONE]
    assert [(line.n, line.text) for line in store.logs("r1")] == [(1, "first"), (2, "second")]


def test_a_retry_copies_the_history_and_not_what_was_said(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced(entries=(result(1),), logs=(said("first"),)))
    queue(store, "r2", copy_from=("r1", 1))
    assert (len(store.history("r2")), store.logs("r2"), row(store, "r2").logs) == (1, [], 0)


def test_runs_that_speak_at_once_number_their_own_lines(store: Store) -> None:
    runs = [f"r{n}" for n in range(4)]
    own(store, *runs)

    def speak(index: int) -> None:
        for n in range(25):
            commit(store, fenced(runs[index], logs=(said(f"{index}-{n}"),)))

    at_once(4, speak)
    for index, run in enumerate(runs):
        lines = store.logs(run)
        assert [line.n for line in lines] == list(range(1, 26))
        assert [line.text for line in lines] == [f"{index}-{n}" for n in range(25)]
