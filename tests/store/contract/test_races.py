"""Races between handles and threads, with the backend's real locks."""

from __future__ import annotations

import threading
from collections import Counter

from podium.errors import StoreError
from podium.model import Move, Outcome, Query, State, Write
from podium.store import Store
from tests.store.conftest import Opener
from tests.store.words import (
    DONE,
    FUNCTIONS,
    REFUSED,
    at_once,
    commit,
    engine,
    fenced,
    message,
    move,
    new,
    outcomes,
    own,
    queue,
    result,
    row,
)


def test_eight_engines_claim_each_of_2000_runs_once(store: Store, reopen: Opener) -> None:
    runs = [f"r{n:04}" for n in range(2000)]
    commit(store, *[Write(new_runs=(new(id),)) for id in runs])
    handles = [reopen() for _ in range(8)]
    for n, handle in enumerate(handles):
        handle.announce(engine(f"w{n}"))

    def drain(n: int) -> list[str]:
        mine: list[str] = []
        while heads := handles[n].claim(f"w{n}", FUNCTIONS, 25, 99.0).heads:
            assert all(head.token == 1 for head in heads)
            mine += [head.id for head in heads]
        return mine

    claimed = at_once(8, drain)
    assert sorted(id for mine in claimed for id in mine) == runs
    for n, mine in enumerate(claimed):
        assert all(row(store, id).owner == f"w{n}" for id in mine[:5])


def test_fifty_starts_of_one_id_make_one_run(store: Store, reopen: Opener) -> None:
    handles = [reopen() for _ in range(4)]
    start = Write(new_runs=(new("order-17", explicit_id=True),))
    verdicts = at_once(50, lambda n: commit(handles[n % 4], start, engine=None)[0])
    assert all(verdict.outcome is DONE for verdict in verdicts)
    counts = Counter(verdict.runs[0][0] for verdict in verdicts)
    assert counts == {Outcome.DONE: 1, Outcome.EXISTS: 49}
    assert len(store.find(Query())) == 1


def test_fifty_starts_of_one_id_with_two_arguments_leave_the_first_untouched(
    store: Store, reopen: Opener
) -> None:
    handles = [reopen() for _ in range(4)]

    def start(n: int) -> Outcome:
        run = new("order-17", explicit_id=True, digest=b"even" if n % 2 else b"odd")
        return commit(handles[n % 4], Write(new_runs=(run,)), engine=None)[0].runs[0][0]

    counts = Counter(at_once(50, start))
    assert counts == {Outcome.DONE: 1, Outcome.EXISTS: 24, Outcome.CONFLICT: 25}


def test_of_twenty_reruns_exactly_one_attaches(store: Store, reopen: Opener) -> None:
    store.announce(engine("e0"))
    own(store, "r1", engine="e0", starter="/s.py")
    store.release({"e0": 0}, 0.0)
    handles = [reopen() for _ in range(4)]

    def rerun(n: int) -> Outcome:
        start = Write(new_runs=(new(f"n{n:02}", starter="/s.py", attach=True),))
        return commit(handles[n % 4], start)[0].runs[0][0]

    counts = Counter(at_once(20, rerun))
    assert counts == {Outcome.ATTACHED: 1, Outcome.DONE: 19}


def test_a_row_is_read_with_the_payload_it_had_at_that_moment(store: Store, reopen: Opener) -> None:
    """Parked for a long reason, resumed, parked again: the reason is a row of its own and comes and goes."""
    own(store, "r1")
    reader, reason, done = reopen(), b"x" * 2000, threading.Event()

    def park_and_resume() -> None:
        for token in range(1, 301):
            move(store, "r1", State.PARKED, token, payload=reason)
            resumed = fenced("r1", token, (State.PARKED,), move=Move(State.WAITING, due=0.0))
            assert outcomes(store, resumed) == [DONE]
            store.claim("e1", FUNCTIONS, 1, 99.0)
        done.set()

    def look() -> None:
        while not done.is_set():
            for found in (row(reader), *reader.find(Query())):
                assert found.payload == (reason if found.state is State.PARKED else b"")

    at_once(2, lambda n: look() if n else park_and_resume())


def test_a_stale_finisher_and_a_release_never_both_win(store: Store, reopen: Opener) -> None:
    other = reopen()
    for n in range(40):
        run, owner = f"r{n}", f"w{n}"
        store.announce(engine(owner))
        own(store, run, engine=owner)

        def finish_or_release(which: int, run: str = run, owner: str = owner) -> Outcome | int:
            if which:
                return other.release({owner: 0}, 0.0)
            return outcomes(
                store, fenced(run, entries=(result(1),), move=Move(State.SUCCEEDED)), engine=owner
            )[0]

        finished, freed = at_once(2, finish_or_release)
        found = row(store, run)
        if finished is DONE:
            assert (freed, found.state, found.entries, found.token) == (0, State.SUCCEEDED, 1, 1)
        else:
            assert (finished, freed) == (REFUSED, 1)
            assert (found.state, found.entries, found.token) == (State.WAITING, 0, 2)


def test_a_cancel_is_either_seen_before_the_end_or_gone(store: Store, reopen: Opener) -> None:
    other = reopen()
    for n in range(40):
        run = f"r{n}"
        own(store, run)

        def end_or_cancel(which: int, run: str = run) -> Outcome:
            if which:
                cancel = Write(messages=(message("c", run, kind="cancel"),))
                return commit(other, cancel, engine=None)[0].messages[0]
            return outcomes(store, fenced(run, move=Move(State.SUCCEEDED)))[0]

        ended, cancelled = at_once(2, end_or_cancel)
        assert ended is DONE
        assert row(store, run).inbox == (1 if cancelled is DONE else 0)
        assert cancelled in (DONE, Outcome.GONE)


def test_a_termination_and_a_claim_never_both_win(store: Store, reopen: Opener) -> None:
    other = reopen()
    for n in range(40):
        run = f"r{n}"
        queue(store, run)

        def claim_or_terminate(which: int, run: str = run) -> bool:
            if which:
                end = fenced(run, 0, [State.QUEUED, State.WAITING], move=Move(State.CANCELLED))
                return outcomes(other, end, engine=None) == [DONE]
            return len(store.claim("e1", FUNCTIONS, 1, 99.0).heads) == 1

        claimed, terminated = at_once(2, claim_or_terminate)
        assert claimed != terminated
        assert row(store, run).state is (State.RUNNING if claimed else State.CANCELLED)


def test_two_senders_of_one_message_store_it_once(store: Store, reopen: Opener) -> None:
    own(store, "r1")
    handles = [reopen() for _ in range(4)]
    send = Write(messages=(message("m1"),))
    at_once(12, lambda n: commit(handles[n % 4], send, engine=None))
    assert len(store.collect("e1")) == 1


def test_reads_on_one_thread_go_on_beside_commits_on_another(store: Store) -> None:
    own(store, "r1")
    written = threading.Event()
    seen: list[int] = []

    def write_or_read(which: int) -> None:
        if which == 0:
            for seq in range(1, 301):
                assert outcomes(store, fenced(entries=(result(seq),))) == [DONE]
            written.set()
            return
        while not written.is_set():
            entries = [entry.seq for entry in store.history("r1")]
            assert entries == list(range(1, len(entries) + 1))
            seen.append(len(entries))
            assert row(store).entries >= len(entries)
            store.collect("e1")
            store.checkpoint()

    at_once(3, write_or_read)
    assert seen
    assert row(store).entries == 300


def test_two_processes_worth_of_handles_migrate_a_fresh_store_at_once(reopen: Opener) -> None:
    def open_and_migrate(_: int) -> Store:
        handle = reopen()
        handle.migrate()
        return handle

    handles = at_once(6, open_and_migrate)
    queue(handles[0], "r1")
    assert all(handle.load("r1") is not None for handle in handles)


def test_without_patience_a_busy_store_says_so_and_nothing_is_half_done(store: Store, reopen: Opener) -> None:
    own(store, "r1")
    hasty = [reopen(patience=0.0) for _ in range(4)]
    refusals: list[StoreError] = []

    def write(n: int) -> int:
        done = 0
        for k in range(60):
            try:
                queue(hasty[n], f"n{n}-{k:02}")
                done += 1
            except StoreError as error:
                refusals.append(error)
        return done

    done = sum(at_once(4, write))
    assert done + len(refusals) == 240
    assert not any(error.unknown for error in refusals)
    assert len(store.find(Query(id_prefix="n", limit=1000))) == done
    move(store, "r1", State.SUCCEEDED)
