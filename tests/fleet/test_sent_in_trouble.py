"""A server that gets into trouble exactly between the two parts of a commit, its sending and its answer."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from podium import App, Options, task, workflow
from podium.errors import EngineStopped, StoreFatal
from podium.model import Kind, Query, State
from podium.store.postgres import PostgresStore
from tests.fleet.proxy import Proxy
from tests.postgres import Cluster, cluster
from tests.waiting import until

WIDE, STEPS = 12, 20
AT = 4  # commits pass before the one
# When it happens to a commit: none of it has reached the server; it is made, and the answer is on its way; or
# it is made, and nobody hears of it.
PLACES = ["as it is sent", "as it is answered", "in place of its answer"]
FATAL = """
CREATE FUNCTION podium.damaged() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''invalid page'' USING ERRCODE = ''XX001''; END';
CREATE TRIGGER damaged BEFORE INSERT ON podium.history EXECUTE FUNCTION podium.damaged();
"""

begun: Counter[tuple[str, int]] = Counter()


@task
async def step(run: str, n: int) -> int:
    begun[run, n] += 1
    await asyncio.sleep(0)
    return n


@workflow
async def adds(run: str) -> int:
    return sum([await step(run, n) for n in range(STEPS)])


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A server that is ended and changed as a whole, with all tests here."""
    with cluster("fsync=off", "autovacuum=off") as server:
        yield server


class Sending:
    """Whether what the line that writes has in hand was sent by the thread that drives runs."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.is_so = False
        for name in ("send", "commit", "claim"):
            patch.setattr(PostgresStore, name, self._noting(getattr(PostgresStore, name), name == "send"))

    def _noting(self, method: Callable[..., Any], is_send: bool) -> Callable[..., Any]:
        def noting(*args: Any, **named: Any) -> Any:
            self.is_so = is_send
            return method(*args, **named)

        return noting


class Instant:
    """Acts once, at one commit of those that are sent through a proxy."""

    def __init__(self, proxy: Proxy, sending: Sending, place: str, act: Callable[[], object]) -> None:
        self._sending, self._place, self._act = sending, place, act
        self._turn, self.seen = threading.Lock(), 0
        self.has_come = False
        if place == "as it is sent":
            proxy.filter_request = lambda data: self._passes(data, b"COMMIT;")
        else:
            proxy.filter_reply = lambda data: self._passes(data, b"COMMIT\0")

    def _passes(self, data: bytes, tag: bytes) -> bool:
        if tag not in data or not self._sending.is_so:
            return True
        with self._turn:  # of the threads of the proxy
            self.seen += 1
            is_it = self.seen == AT
        if not is_it:
            return True
        self._act()
        self.has_come = True
        return self._place != "in place of its answer"


def set_read_only(server: Cluster, word: str) -> None:
    """For all who begin a transaction from now on, also in a session that is there."""
    server.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
    server.execute("SELECT pg_reload_conf()")
    until(lambda: server.execute("SHOW default_transaction_read_only") == [(word,)])


def end_sessions(server: Cluster) -> None:
    """As an administrator does, all of Podium's."""
    gone = server.execute(
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE application_name = 'podium'"
    )
    assert len(gone) >= 3
    assert all(one for (one,) in gone)


def crash(server: Cluster) -> None:
    """`pg_ctl restart -m immediate`."""
    server.stop(signal.SIGQUIT)
    server.start()


TROUBLES: dict[str, Callable[[Cluster], None]] = {
    "its sessions are ended": end_sessions,
    "it crashes": crash,
    "it takes no writes": lambda server: set_read_only(server, "on"),
}


@pytest.fixture
def proxy(server: Cluster) -> Iterator[Proxy]:
    begun.clear()
    with Proxy(server.port) as proxy:
        yield proxy
    set_read_only(server, "off")


def warm_up(app: App) -> None:
    """The session is known to be our own, and has committed as such."""
    assert app.host
    assert isinstance(app.store, PostgresStore)
    server = app.store.server
    until(lambda: server.is_direct)
    adds.start("first").result(30)


def behind(proxy: Proxy, server: Cluster) -> str:
    """The URL of a fresh database."""
    return server.new_database().replace(str(server.port), str(proxy.port))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_runs_go_on_and_nothing_is_lost_or_done_twice(
    server: Cluster,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
    place: str,
) -> None:
    sending = Sending(monkeypatch)
    caplog.set_level(logging.WARNING)
    with App(behind(proxy, server), options=Options(poll=0.1), starter="") as app:
        warm_up(app)
        instant = Instant(proxy, sending, place, lambda: TROUBLES[trouble](server))
        runs = adds.start_many([f"r{n}" for n in range(WIDE)])
        until(
            lambda: instant.has_come and "runs wait for the store" in caplog.text,
            lambda: f"{instant.has_come}, {instant.seen} seen, {begun.total()} bodies, {caplog.text}",
        )
        set_read_only(server, "off")
        assert [run.result(60) for run in runs] == [sum(range(STEPS))] * WIDE
        assert set(begun.values()) == {1}
        assert len(begun) == (WIDE + 1) * STEPS
        for run in runs:
            made = [entry.step for entry in app.store.history(run.id) if entry.kind is Kind.RESULT]
            assert len(set(made)) == len(made) == STEPS
        assert app.host.engine.failure is None


@pytest.mark.parametrize("place", PLACES)
def test_a_server_whose_data_is_damaged_stops_the_engine_and_the_next_one_goes_on(
    server: Cluster, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    sending = Sending(monkeypatch)
    url = behind(proxy, server)
    name = url.rpartition("/")[2]
    with App(url, options=Options(poll=0.1), starter="") as app:
        warm_up(app)
        instant = Instant(proxy, sending, place, lambda: server.execute(FATAL, name))
        runs = adds.start_many([f"r{n}" for n in range(WIDE)])
        with pytest.raises(EngineStopped, match="damaged") as caught:
            for run in runs:
                run.result(60)
        assert isinstance(caught.value.__context__, StoreFatal)
        assert instant.has_come
    server.execute("DROP TRIGGER damaged ON podium.history", name)
    with App(url, options=Options(poll=0.1), starter="", drives="nothing") as app:
        made = {
            (run.id, entry.step)
            for run in runs
            for entry in app.store.history(run.id)
            if entry.kind is Kind.RESULT
        }
    before = Counter(begun)
    with App(url, options=Options(poll=0.1), starter="") as app:
        assert app.host
        assert [app.wait(run.id).result(60).state for run in runs] == [State.SUCCEEDED] * WIDE
        assert len(app.find(Query())) == WIDE + 1
    assert (begun - before).total() == WIDE * STEPS - len(made), "what is on record is not done again"
    assert max(begun.values()) <= 2
