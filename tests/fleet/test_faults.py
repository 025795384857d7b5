"""A server that dies, a reply that is lost, a network that says nothing: what the store says then is true."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from podium import App, task, workflow
from podium.errors import StoreError, StoreUnavailable
from podium.model import Outcome, Write
from podium.store import Store, open_store
from podium.store.postgres import PostgresStore
from podium.store.postgres.doorbell import Doorbell
from podium.store.postgres.lines import Server
from podium.store.postgres.statements import Connection
from tests.fleet.proxy import Proxy
from tests.postgres import Cluster, shared
from tests.store.words import DONE, FUNCTIONS, commit, engine, fenced, message, new, outcomes, own, result

TAG = b"COMMIT\0"  # what the server says when it has committed, and a client that wants it to


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(shared().port) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Proxy, url: str) -> Iterator[Store]:
    """A store behind the proxy, in which the engine e1 owns r1."""
    store = open_store(url.replace(str(shared().port), str(proxy.port)), patience=10.0)
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    yield store
    store.close()


def test_a_commit_whose_reply_is_lost_is_unknown_and_is_found(store: Store, proxy: Proxy) -> None:
    proxy.filter_reply = lambda data: TAG not in data
    with pytest.raises(StoreUnavailable) as caught:
        commit(store, fenced(entries=(result(1),)))
    assert caught.value.unknown
    proxy.filter_reply = lambda _: True
    assert [entry.seq for entry in store.history("r1")] == [1]


def test_a_commit_of_two_trips_whose_reply_is_lost_is_unknown_and_is_found(
    store: Store, proxy: Proxy
) -> None:
    proxy.filter_reply = lambda data: TAG not in data
    with pytest.raises(StoreUnavailable) as caught:
        commit(store, fenced(entries=(result(1),), new_runs=(new("r2"),)))
    assert caught.value.unknown
    proxy.filter_reply = lambda _: True
    assert sorted(store.load_many(["r1", "r2"])) == ["r1", "r2"]


def test_a_commit_that_never_arrived_is_unknown_and_may_be_sent_again(store: Store, proxy: Proxy) -> None:
    write = fenced(entries=(result(1),), new_runs=(new("r2"),))
    proxy.filter_request = lambda data: b"COMMIT" not in data
    with pytest.raises(StoreUnavailable) as caught:
        commit(store, write)
    assert caught.value.unknown
    proxy.filter_request = lambda _: True
    assert store.history("r1") == []
    assert outcomes(store, write) == [DONE]


def test_what_is_lost_before_the_commit_has_not_happened(store: Store, proxy: Proxy) -> None:
    proxy.filter_request = lambda _: False
    with pytest.raises(StoreUnavailable) as caught:
        commit(store, fenced(messages=(message(),)), engine="e1")
    assert not caught.value.unknown, "the second trip, which commits, was never sent"


def test_who_looks_after_a_lost_reply_waits_for_a_commit_that_is_still_running(
    store: Store, proxy: Proxy, url: str
) -> None:
    """Else it would be taken for one that never was, be sent again, and be refused as a gap."""
    stranger = psycopg.connect(url)
    stranger.execute("SELECT 1 FROM podium.runs WHERE id = 'r1' FOR UPDATE")

    def loses_it() -> None:
        with contextlib.suppress(StoreError):
            commit(store, fenced(entries=(result(1),)))

    committing = threading.Thread(target=loses_it)
    committing.start()
    _until_somebody_waits_for_a_lock(url)
    proxy.cut()
    committing.join(30)
    seen: list[int] = []
    looking = threading.Thread(target=lambda: seen.extend(entry.seq for entry in store.history("r1")))
    looking.start()
    looking.join(0.3)
    assert looking.is_alive(), "it waits for the commit"
    stranger.rollback()
    looking.join(30)
    assert seen == [1]
    stranger.close()


def test_who_gives_back_runs_of_the_dead_does_not_wait_for_a_commit(store: Store, url: str) -> None:
    """It is the thread of the heartbeat, which must go on beating."""
    store.announce(engine("e2"))
    own(store, "r2", engine="e2")
    stranger = psycopg.connect(url)
    stranger.execute("SELECT 1 FROM podium.runs WHERE id = 'r1' FOR UPDATE")
    committing = threading.Thread(target=lambda: commit(store, fenced(entries=(result(1),))))
    committing.start()
    _until_somebody_waits_for_a_lock(url)
    freed: list[int] = []
    releasing = threading.Thread(target=lambda: freed.append(store.release({"e2": 0}, 0.0)))
    releasing.start()
    releasing.join(30)
    assert freed == [1]
    assert committing.is_alive()
    stranger.rollback()
    committing.join(30)
    releasing.join(30)
    stranger.close()


def _until_somebody_waits_for_a_lock(url: str) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while shared().execute(waiting, url.rpartition("/")[2]) == [(0,)]:
        time.sleep(0.01)


def test_a_commit_goes_to_the_server_in_one_piece(store: Store, proxy: Proxy) -> None:
    """Each packet wakes the server, and costs the two a change of who runs."""
    sent: list[int] = []
    proxy.filter_request = lambda data: not sent.append(len(data))
    commit(store, fenced(entries=(result(1),)))
    assert len(sent) == 1


@pytest.fixture
def direct(store: Store) -> Store:
    """It has heard a notification, and has prepared what a commit of one entry takes."""
    store.wait(0.0)
    assert outcomes(store, fenced(entries=(result(1),))) == [DONE]
    return store


def test_in_a_session_of_its_own_a_commit_of_one_entry_is_prepared(direct: Store, proxy: Proxy) -> None:
    sent: list[bytes] = []
    proxy.filter_request = lambda data: not sent.append(data)
    assert outcomes(direct, fenced(entries=(result(2),))) == [DONE]
    assert [b"INSERT" in data for data in sent] == [False]
    assert [entry.seq for entry in direct.history("r1")] == [1, 2]


def test_who_has_no_engine_prepares_its_commits_too_after_some(url: str, proxy: Proxy) -> None:
    """They are starts from another process, and planning one took longer than all the rest of it."""
    sent: list[bytes] = []
    proxy.filter_request = lambda data: not sent.append(data)
    with closing(open_store(url.replace(str(shared().port), str(proxy.port)))) as client:
        client.migrate()
        for number in range(5):
            assert outcomes(client, Write(new_runs=(new(f"n{number}"),)), engine=None) == [DONE]
        sent.clear()
        assert outcomes(client, Write(new_runs=(new("last"),)), engine=None) == [DONE]
        assert [data for data in sent if b"INSERT" in data] == []
        assert client.load("last") is not None


def test_a_prepared_commit_is_refused_as_any_other(direct: Store) -> None:
    assert outcomes(direct, fenced(token=7, entries=(result(2),))) == [Outcome.REFUSED]
    assert outcomes(direct, fenced(entries=(result(3),))) == [Outcome.INVALID]
    assert [entry.seq for entry in direct.history("r1")] == [1]


@pytest.mark.parametrize("meddling", ["DEALLOCATE ALL", "PREPARE podium_0 AS SELECT 1"])
def test_who_finds_its_session_meddled_with_prepares_no_more(
    direct: Store, proxy: Proxy, meddling: str
) -> None:
    """As a pooler does that lets a notification through all the same."""
    assert isinstance(direct, PostgresStore)
    with direct._writing.held() as connection:
        connection.execute("DEALLOCATE ALL")
        connection.execute(meddling.encode())
        if meddling.startswith("PREPARE"):
            connection.kept.clear()
            connection.named = 0
    assert outcomes(direct, fenced(entries=(result(2),))) == [DONE]
    sent: list[bytes] = []
    proxy.filter_request = lambda data: not sent.append(data)
    assert outcomes(direct, fenced(entries=(result(3),))) == [DONE]
    assert [b"INSERT" in data for data in sent] == [True]


def test_a_server_that_says_nothing_is_given_up(
    store: Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "silence", property(lambda _: 0.3, lambda *_: None), raising=False)
    proxy.is_black_hole = True
    with pytest.raises(StoreUnavailable) as caught:
        commit(store, fenced(entries=(result(1),)))
    assert caught.value.unknown
    assert "silent" in str(caught.value)


def test_acknowledged_commits_outlive_a_server_that_is_killed(own_cluster: Cluster) -> None:
    store = open_store(own_cluster.new_database())
    store.migrate()
    store.announce(engine("e1"))
    own(store, "r1")
    acknowledged = 0
    for round in range(3):
        for _ in range(20):
            assert outcomes(store, fenced(entries=(result(acknowledged + 1),))) == [DONE]
            acknowledged += 1
        own_cluster.stop(signal.SIGQUIT)
        with pytest.raises(StoreUnavailable):
            commit(store, fenced(entries=(result(acknowledged + 1),)))
        own_cluster.start()
        assert len(store.history("r1")) == acknowledged, f"after crash {round}"
    assert store.heartbeat("e1")
    store.close()


def test_a_connection_that_was_ended_while_nobody_asked_is_made_anew(store: Store) -> None:
    store.load("r1")
    shared().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'podium'"
    )
    assert store.load("r1") is not None


def test_two_engines_that_write_to_each_others_runs_do_not_block_each_other(url: str) -> None:
    stores = [open_store(url), open_store(url)]
    stores[0].migrate()
    runs = [[f"{name}{n:02}" for n in range(20)] for name in "ab"]
    for store, mine, name in zip(stores, runs, "ab", strict=True):
        store.announce(engine(name))
        own(store, *mine, engine=name)
    failed: list[BaseException] = []

    def works(which: int) -> None:
        try:
            for round in range(10):
                writes = [
                    fenced(run, entries=(result(round + 1),), messages=(message(f"{run}-{round}", other),))
                    for run, other in zip(reversed(runs[which]), runs[1 - which], strict=True)
                ]
                assert outcomes(stores[which], *writes, engine="ab"[which]) == [DONE] * 20
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=works, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert shared().execute(
        f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{url.rpartition('/')[2]}'"
    ) == [(0,)]
    for store in stores:
        store.close()


@task
def one(n: int) -> int:
    return n


@workflow
def some(count: int) -> int:
    return sum(one.map(range(count)))


def test_a_process_has_four_connections_at_most(url: str) -> None:
    with App(url) as app:
        assert some.start(20).result(20) == 190
        app.store.engines()
        ((count,),) = shared().execute(
            "SELECT count(*) FROM pg_stat_activity "
            f"WHERE application_name = 'podium' AND datname = '{url.rpartition('/')[2]}'"
        )
    assert 1 <= count <= 4


def test_where_no_notification_arrives_engines_poll(url: str) -> None:
    """Behind a transaction pooler LISTEN is accepted, and hears nothing."""
    doorbell = Doorbell(Server(url), ring=lambda: None)
    assert not doorbell.wait(0.0)
    assert doorbell.hears is False
    assert not doorbell.wait(0.01), "from then on it only sleeps"
    doorbell.close()


def test_who_could_not_ring_does_not_take_the_silence_for_a_pooler(url: str) -> None:
    """After a restart of the server the connection that rings is broken, too: from then on engines polled."""
    rings = [StoreUnavailable("its connection was lost")]

    def ring() -> None:
        if rings:
            raise rings.pop()
        shared().execute("SELECT pg_notify('podium', '')", url.rpartition("/")[2])

    doorbell = Doorbell(Server(url), ring=ring)
    assert not doorbell.wait(0.0)
    assert doorbell.hears is None
    doorbell.wait(0.0)
    assert doorbell.hears is True
    doorbell.close()


def test_who_heard_nothing_tries_again_after_a_while(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.store.postgres.doorbell._WAITS_MANY", 3)
    monkeypatch.setattr("podium.store.postgres.doorbell._PROOF_SECONDS", 0.05)
    rings = [lambda: None, lambda: shared().execute("SELECT pg_notify('podium', '')", url.rpartition("/")[2])]
    doorbell = Doorbell(Server(url), ring=lambda: rings.pop(0)())
    heard = [(doorbell.wait(0.0), doorbell.hears)[1] for _ in range(3)]
    assert heard == [False, False, False]
    monkeypatch.setattr("podium.store.postgres.doorbell._PROOF_SECONDS", 20.0)
    doorbell.wait(0.0)
    assert doorbell.hears is True
    doorbell.close()


def test_a_ring_ends_a_wait(url: str) -> None:
    store = open_store(url)
    store.migrate()
    store.announce(engine("e1"))
    store.wait(0.0)  # it listens now
    rang: list[bool] = []
    waiting = threading.Thread(target=lambda: rang.append(store.wait(20.0)))
    waiting.start()
    commit(store, Write(new_runs=(new(),)), engine=None)
    waiting.join(30)
    assert rang == [True]
    store.close()


@pytest.mark.parametrize("cut", ["as it is about to listen", "at once", "while it listens"])
def test_who_listens_outlives_its_session_and_listens_again(
    store: Store, proxy: Proxy, url: str, cut: str
) -> None:
    """The thread of the doorbell ended by it, and the engine found new work by its polls alone."""
    if cut == "while it listens":
        store.wait(0.0)
        proxy.cut()
    elif cut == "at once":
        proxy.filter_reply = lambda data: b"LISTEN" not in data
    else:
        proxy.filter_request = lambda data: b"LISTEN" not in data
    store.wait(0.05)
    proxy.filter_request = proxy.filter_reply = lambda _: True
    rings_at(store, url)


def test_who_begins_to_listen_looks_for_what_rang_before(store: Store, proxy: Proxy) -> None:
    assert store.wait(0.0)
    assert not store.wait(0.0)
    proxy.cut()
    assert [store.wait(0.05) for _ in range(10)].count(True) == 2, "of the cut, and as it listens again"


def rings_at(store: Store, url: str) -> None:
    """A start by another process wakes it, once it listens again."""
    for _ in range(5):  # what has broken is made anew at each
        store.wait(0.0)
    with closing(open_store(url)) as other:
        commit(other, Write(new_runs=(new("r9"),)), engine=None)
    assert store.wait(20.0)


def test_a_session_that_would_not_listen_is_not_taken_for_one_that_does(
    store: Store, proxy: Proxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement may be broken off, after which the session goes on."""
    assert isinstance(store, PostgresStore)
    store.wait(0.0)
    proxy.cut()
    refused = iter([psycopg.errors.QueryCanceled("statement timeout")])
    listen = store.doorbell._listen

    def once_refused(*given: Any) -> None:
        for error in refused:
            raise error
        listen(*given)

    monkeypatch.setattr(store.doorbell, "_listen", once_refused)
    rings_at(store, url)


def test_an_idle_claim_writes_nothing(url: str) -> None:
    store = open_store(url)
    store.migrate()
    store.announce(engine("e1"))
    store.claim("e1", FUNCTIONS, 10, 9.0)
    (before,) = shared().execute("SELECT pg_current_snapshot()::text")
    for _ in range(5):
        assert store.claim("e1", FUNCTIONS, 10, 9.0).heads == ()
    assert shared().execute("SELECT pg_current_snapshot()::text") == [before]
    store.close()
