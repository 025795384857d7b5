"""Commits that the thread which drives runs sends: what goes wrong on their way is told as of any other."""

from __future__ import annotations

import asyncio
import itertools
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest

from podium import App, Options, task, workflow
from podium.errors import StoreRefused, StoreUnavailable
from podium.model import Verdict, Write
from podium.store import Sent, Store, open_store
from podium.store.postgres import PostgresStore
from podium.store.postgres.lines import Line, SentTrip
from podium.store.postgres.statements import Connection, Trip
from tests.fleet.proxy import Proxy
from tests.postgres import shared
from tests.store.words import DONE, engine, fenced, new, outcomes, own, result
from tests.waiting import until

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(shared().port) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Proxy, url: str) -> Iterator[PostgresStore]:
    """Behind the proxy, in a session of its own; the engine e1 owns r1 and has committed."""
    with closing(open_store(url.replace(str(shared().port), str(proxy.port)))) as store:
        assert isinstance(store, PostgresStore)
        store.migrate()
        store.announce(engine("e1"))
        store.server.is_direct = True
        own(store, "r1")
        assert outcomes(store, fenced(entries=(result(1),))) == [DONE]
        yield store


def nobody() -> None:
    """Is woken."""


def send(store: Store, *writes: Write, wake: Any = nobody) -> Sent:
    sent = store.send("e1", writes or [fenced(entries=(result(2),))], wake)
    assert sent is not None
    return sent


def answer(sent: Sent) -> list[Verdict] | None:
    poll = select.poll()
    while not sent.advance():
        poll.register(sent.descriptor, select.POLLIN | (select.POLLOUT if sent.is_unsent else 0))
        assert poll.poll(30_000), "nothing has come"
    return sent.verdicts()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_commit_that_is_cut_off_between_its_two_parts_is_unknown(
    store: PostgresStore, proxy: Proxy, arrives: bool
) -> None:
    if arrives:
        proxy.filter_reply = lambda data: b"COMMIT\0" not in data
    else:
        proxy.filter_request = lambda data: b"COMMIT" not in data
    sent = send(store)
    with pytest.raises(StoreUnavailable) as caught:
        answer(sent)
    assert caught.value.unknown
    assert sent.descriptor == -1, "nothing is left of it"
    proxy.filter_reply = proxy.filter_request = lambda _: True
    assert [entry.seq for entry in store.history("r1")] == ([1, 2] if arrives else [1])
    assert store.send("e1", [fenced(entries=(result(3),))], nobody) is None, "there is no connection"
    assert outcomes(store, fenced(entries=(result(3 if arrives else 2),))) == [DONE]


def test_a_silent_server_is_given_up_when_its_sender_says_so(store: PostgresStore, proxy: Proxy) -> None:
    proxy.is_black_hole = True
    sent = send(store)
    assert not sent.advance()
    sent.lose()
    assert sent.advance()
    with pytest.raises(StoreUnavailable, match="silent") as caught:
        sent.verdicts()
    assert caught.value.unknown


def test_a_silent_server_is_given_up_by_who_needs_the_connection(
    store: PostgresStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "silence", property(lambda _: 0.3, lambda *_: None), raising=False)
    woken: list[bool] = []

    def wake() -> None:
        woken.append(True)
        proxy.is_black_hole = False

    proxy.is_black_hole = True
    sent = send(store, wake=wake)
    assert outcomes(store, fenced(entries=(result(2),))) == [DONE]
    assert woken == [True]
    with pytest.raises(StoreUnavailable, match="silent") as caught:
        answer(sent)
    assert caught.value.unknown


def test_who_looks_after_a_lost_answer_waits_for_a_commit_that_is_still_running(
    store: PostgresStore, url: str
) -> None:
    with psycopg.connect(url) as stranger:
        stranger.execute("SELECT 1 FROM podium.runs WHERE id = 'r1' FOR UPDATE")
        sent = send(store)
        until(lambda: shared().execute(WAITING, url.rpartition("/")[2]) != [(0,)], "it waits for a lock")
        sent.lose()
        with pytest.raises(StoreUnavailable):
            answer(sent)
        seen: list[int] = []
        looking = threading.Thread(target=lambda: seen.extend(entry.seq for entry in store.history("r1")))
        looking.start()
        looking.join(0.3)
        assert looking.is_alive(), "it waits for the commit"
    looking.join(30)
    assert seen == [1, 2]


def test_what_the_socket_does_not_take_at_once_goes_out_later(store: PostgresStore) -> None:
    with store._writing.held() as connection, socket.socket(fileno=connection.fileno()) as half:
        half.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        half.detach()
    sent = send(store, fenced(entries=(result(2, payload=b"x" * 900_000),)))
    assert sent.is_unsent
    assert answer(sent) == [Verdict(DONE)]
    assert [len(entry.payload) for entry in store.history("r1", after=1)] == [900_000]


def test_a_session_that_is_meddled_with_is_sent_nothing_more(store: PostgresStore) -> None:
    assert answer(send(store)) == [Verdict(DONE)]
    with store._writing.held() as connection:
        connection.execute("DEALLOCATE ALL")
    assert answer(send(store, fenced(entries=(result(3),)))) is None
    assert outcomes(store, fenced(entries=(result(3),))) == [DONE]
    assert store.send("e1", [fenced(entries=(result(4),))], nobody) is None


def test_a_sender_that_ends_leaves_no_file_open(store: PostgresStore) -> None:
    sent = send(store)
    descriptor = sent.descriptor
    del sent
    store.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


# -- runs ------------------------------------------------------------------------------------------------


@task
async def number(n: int) -> int:
    await asyncio.sleep(0)
    return n


@workflow
async def total(count: int) -> int:
    return sum([await number(n) for n in range(count)])


@workflow
async def total_of_blocking(count: int) -> int:
    return sum([await blocking(n) for n in range(count)])


blocks: list[Callable[[], object]] = []


@task
async def blocking(n: int) -> int:
    """Keeps its loop, which may have sent a commit, until the store has made another one."""
    for block in blocks:
        block()
    return n


class Watch:
    """Counts what is committed, and how."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[int] = []
        self.committed: list[int] = []
        send, commit = PostgresStore.send, PostgresStore.commit

        def sending(store: PostgresStore, engine: str, writes: Sequence[Write], wake: Any) -> Sent | None:
            found = send(store, engine, writes, wake)
            if found is not None:
                self.sent.append(len(writes))
            return found

        def committing(store: PostgresStore, engine: str | None, writes: Sequence[Write]) -> list[Verdict]:
            self.committed.append(len(writes))
            return commit(store, engine, writes)

        monkeypatch.setattr(PostgresStore, "send", sending)
        monkeypatch.setattr(PostgresStore, "commit", committing)


def test_runs_in_flight_share_commits_that_are_sent_in_two_groups(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    with App(url, options=Options(poll=0.1), starter="") as app:
        assert app.host
        total.start(1).result(30)  # from then on the session is known to be our own
        handles = total.start_many([20] * 60)
        assert [handle.result(60) for handle in handles] == [190] * 60
    assert sum(watch.sent) > 5 * sum(watch.committed), "no thread waits for them"
    assert sorted(watch.sent)[len(watch.sent) // 2] <= 40, "of sixty runs no half has all"


def test_a_task_that_keeps_the_loop_may_commit_meanwhile(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent by its thread is on its way, and nobody else takes the answer."""
    watch, ids = Watch(monkeypatch), itertools.count()
    with App(url, options=Options(poll=0.1), starter="") as app:
        assert app.host
        total.start(1).result(30)
        blocks.append(lambda: app.store.commit(None, [Write(new_runs=(new(f"n{next(ids)}"),))]))
        try:
            handles = total_of_blocking.start_many([3] * 40)
            assert [handle.result(60) for handle in handles] == [3] * 40
        finally:
            blocks.clear()
    assert next(ids) == 120
    assert sum(watch.sent) > 40


def test_runs_go_on_when_connections_are_lost_between_sending_and_the_answer(
    url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(monkeypatch)
    with App(url.replace(str(shared().port), str(proxy.port)), options=Options(poll=0.1), starter="") as app:
        assert app.host
        total.start(1).result(30)
        left = [5, 5]  # commits whose answers, and which themselves, get lost
        seen = itertools.count()

        def loses(which: int, tag: bytes) -> Callable[[bytes], bool]:
            def passes(data: bytes) -> bool:
                if tag not in data or not left[which] or next(seen) % 7:
                    return True
                left[which] -= 1
                return False

            return passes

        proxy.filter_reply, proxy.filter_request = loses(0, b"COMMIT\0"), loses(1, b"COMMIT;")
        handles = total.start_many([40] * 30)
        assert [handle.result(60) for handle in handles] == [780] * 30
    assert left == [0, 0]
    assert len(watch.sent) > 40


def test_a_thread_that_is_interrupted_as_it_takes_the_answer_leaves_no_line_that_never_rests(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, between the last of the server's words and our note that it is over."""

    def interrupted(self: SentTrip, error: BaseException | None) -> None:
        raise KeyboardInterrupt

    sent = send(store)
    with monkeypatch.context() as patched:
        patched.setattr(SentTrip, "_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            outcomes(store, fenced(entries=(result(3),)))
    with pytest.raises(StoreUnavailable) as caught:
        answer(sent)
    assert caught.value.unknown
    assert outcomes(store, fenced(entries=(result(3),))) == [DONE]


def test_an_answer_that_is_not_understood_is_unknown(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_understood(self: Trip) -> None:
        raise ValueError("what is that?")

    sent = send(store)
    with monkeypatch.context() as patched:
        patched.setattr(Trip, "rows", not_understood)
        with pytest.raises(StoreUnavailable, match="not understood") as caught:
            answer(sent)
    assert caught.value.unknown
    assert outcomes(store, fenced(entries=(result(3),))) == [DONE]


def test_whoever_comes_while_the_store_is_being_closed_opens_nothing_anew(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would close it."""
    close, refused = Line.close, list[str]()

    def closed(line: Line) -> None:
        close(line)
        with pytest.raises(StoreRefused, match="closed") as caught, line.held():
            pass
        refused.append(caught.value.message)

    monkeypatch.setattr(Line, "close", closed)
    store.close()
    assert len(refused) == 3
    with pytest.raises(StoreRefused, match="closed"):
        store.server.connect()
