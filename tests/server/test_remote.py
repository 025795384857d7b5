"""`podium.Client`: the same words over HTTP, to a real server."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import podium
from podium import (
    ArgumentError,
    Client,
    IdConflict,
    RunCancelled,
    RunNotFound,
    StoreUnavailable,
    TaskFailed,
    WrongState,
    task,
    workflow,
)
from podium.remote.link import Link
from tests.server.conftest import Server, adds, breaks, gate, passes, waits_for_gate
from tests.waiting import until


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server.listener.url, server.access.token)


def test_a_run_is_started_waited_for_and_found_again(client: Client) -> None:
    run = client.options(id="mine", tags=["nightly"]).start(adds.name, 4)
    assert run.result(timeout=30) == 12
    assert (run.state, client.get("mine").result()) == ("succeeded", 12)
    assert [found.id for found in client.runs("tag:nightly")] == ["mine"]
    assert [entry["kind"] for entry in run.history()] == ["result"] * 4
    assert run.why().startswith("succeeded: it succeeded")


def test_the_printed_link_is_enough(server: Server) -> None:
    client = Client(f"{server.listener.url}?token={server.access.token}")
    assert client.start(adds.name, n=2).result(timeout=30) == 2


def test_async_code_awaits_the_same(client: Client) -> None:
    async def main() -> tuple[int, int, list[str]]:
        run = client.start(adds.name, n=3)
        value = await run
        count = await client.runs("workflow:adds").count()
        return value, count, [found.id async for found in client.runs()]

    value, count, ids = asyncio.run(main())
    assert (value, count, len(ids)) == (6, 1, 1)


def test_what_goes_wrong_is_raised_as_it_would_be_here(server: Server, client: Client) -> None:
    with pytest.raises(RunNotFound):
        client.get("none")
    with pytest.raises(RunNotFound):
        client.start("nowhere:nothing")
    with pytest.raises(ArgumentError):
        client.start(adds.name, "four")
    client.options(id="x").start(adds.name, 1).result(timeout=30)
    with pytest.raises(IdConflict):
        client.options(id="x").start(adds.name, 2)
    with pytest.raises(WrongState):
        client.get("x").cancel()
    with pytest.raises(podium.UsageError, match="a token is needed"):
        Client(server.listener.url, "x" * 43).get("x")


def test_a_failure_is_raised_with_its_type_and_traceback(client: Client) -> None:
    run = client.start(breaks.name, text="so")
    with pytest.raises(TaskFailed, match="so") as caught:
        run.result(timeout=30)
    assert caught.value.type == "builtins:ValueError"
    assert "breaks" in caught.value.traceback
    assert client.runs("status:failed").retry().result() == 1


@workflow
async def refund(amount: int) -> list[object]:
    note = await podium.receive("note", str)
    agreed = await podium.ask(f"Refund {amount}?", bool)
    booked = podium.callback(str)
    ids.put(booked.id)
    return [note, agreed, await booked]


ids: queue.Queue[str] = queue.Queue()


def test_a_run_is_sent_to_answered_and_called_back(client: Client) -> None:
    run = client.start(refund.name, 120)
    run.send("note", "late", id="once").result()
    run.send("note", "late", id="once").result()
    until(lambda: "answer" in run.why())  # it asks in its own time, and a client is not told
    with pytest.raises(podium.UsageError):
        run.answer("perhaps").result()
    run.answer(True).result()
    with pytest.raises(WrongState, match="answered already"):
        run.answer(False).result()
    callback = ids.get(timeout=30)
    until(lambda: callback in run.why())  # on record: before, its type is not known to the store
    with pytest.raises(podium.UsageError):
        client.complete(callback, 17).result()
    client.complete(callback, "booked").result()
    assert run.result(timeout=30) == ["late", True, "booked"]
    with pytest.raises(WrongState):
        run.send("note", "too late").result()


def test_a_fork_takes_another_value(client: Client) -> None:
    run = client.start(adds.name, 3)
    assert run.result(timeout=30) == 6
    assert run.fork(at="double#1", value=50).result(timeout=30) == 54
    assert run.fork(at="double#1").result(timeout=30) == 6


def test_a_run_is_cancelled_and_whoever_waits_is_told(client: Client) -> None:
    run = client.options(delay=3600).start(adds.name)
    with pytest.raises(TimeoutError):
        run.result(timeout=0)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(timeout=30)


busy = podium.Queue("far", concurrency=4, rate="100/m")


@podium.task(queue=busy)
def queued(n: int) -> int:
    return n


@pytest.fixture
def at_work(client: Client) -> Client:
    """Of a server whose engine is open, so that its queues are on record."""
    client.start(adds.name, 1).result(timeout=30)
    return client


def test_a_queue_is_shown_set_paused_and_left_to_code_again(at_work: Client) -> None:
    client, queue = at_work, at_work.queue("far")
    assert "far" in [each.name for each in client.queues()]
    shown = queue.show()
    assert (shown["concurrency"], shown["rate"], shown["set_by"]) == (4, "100/m", None)
    queue.set(concurrency=2, rate=None).result()
    shown = queue.show()
    assert (shown["concurrency"], shown["rate"], shown["declared_concurrency"]) == (2, "", 4)
    queue.set(concurrency=None).result()
    assert queue.show()["concurrency"] is None
    queue.set(from_code=True).result()
    shown = queue.show()
    assert (shown["concurrency"], shown["rate"], shown["set_by"]) == (4, "100/m", None)
    for paused in (True, False):
        (queue.pause() if paused else queue.resume()).result()
        assert queue.show()["paused"] is paused
    with pytest.raises(podium.UsageError):
        queue.set(concurrency=0).result()
    with pytest.raises(podium.UsageError, match="from 1 to"):
        queue.set(concurrency=10**20).result()
    with pytest.raises(podium.UsageError, match="100/m"):
        queue.set(rate="often").result()
    with pytest.raises(podium.UsageError, match="nothing is said"):
        queue.set().result()
    for act in (client.queue("nowhere").pause, client.queue("nowhere").show):
        with pytest.raises(RunNotFound):
            act()


def test_a_queue_is_set_from_async_code(at_work: Client) -> None:
    async def main() -> list[str]:
        queue, rates = at_work.queue("far"), list[str]()
        await queue.set(rate="5/s")
        rates.append(queue.show()["rate"])
        await queue.set(from_code=True)
        return [*rates, queue.show()["rate"]]

    assert asyncio.run(main()) == ["5/s", "100/m"]


class EarlyHints(BaseHTTPRequestHandler):
    """What a proxy before the server may do."""

    def do_GET(self) -> None:
        self.send_response_only(103)
        self.end_headers()
        self.send_response_only(102)
        self.end_headers()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"read")

    def log_message(self, format: str, *args: Any) -> None: ...


def test_interim_answers_of_a_proxy_are_passed_over() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), EarlyHints) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,)).start()
        try:
            assert Link(f"http://127.0.0.1:{proxy.server_port}", "t").get("runs") == b"read"
        finally:
            proxy.shutdown()


def test_a_server_that_is_gone_is_unavailable(server: Server, client: Client) -> None:
    server.close()
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        client.get("x")
    assert caught.value.elsewhere, "for a task that asks it an error as any other"


def test_a_wait_outlives_many_short_ones(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.remote.client._WAIT_SECONDS", 0.02)
    gate.clear()
    run = client.start(waits_for_gate.name)
    asked = []
    get = type(run._link).get

    def counted(self: object, *path: str, **query: object) -> bytes:
        asked.append(path)
        if len(asked) == 3:
            gate.set()
        return get(self, *path, **query)

    monkeypatch.setattr(type(run._link), "get", counted)
    assert run.result(timeout=30) == "through"
    assert len(asked) >= 3


@task
def writes(count: int) -> None:
    for n in range(count):
        podium.emit("lines", {"n": n})
    print("all is written")


@workflow
def writes_on() -> None:
    podium.publish("stage", "writing")
    writes(3)
    passes()
    writes(1)
    podium.publish("stage", "done")


def test_what_a_run_says_is_read_along_as_it_comes(client: Client) -> None:
    gate.clear()
    run = client.options(id="said").start(writes_on.name)
    came: queue.Queue[podium.Chunk] = queue.Queue()

    def follow() -> None:
        for chunk in run.stream("lines"):
            came.put(chunk)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        try:
            first = [came.get(timeout=20) for _ in range(3)]
            assert [(chunk.n, chunk.step, chunk.value) for chunk in first] == [
                (n + 1, "/writes", {"n": n}) for n in range(3)
            ]
            assert (run.value("stage"), run.value("none")) == ("writing", None)
        finally:
            gate.set()
        following.result(20)
    assert [(came.get().n, came.empty())] == [(4, True)]
    assert [chunk.n for chunk in run.stream("lines", after=2)] == [3, 4]
    assert [chunk.value for chunk in run.stream()] == ["all is written"] * 2
    assert run.value("stage") == "done"
    with pytest.raises(podium.UsageError, match=r"stream\(after=-1\)"):
        run.stream("lines", -1)


def test_awaiting_code_reads_along_too(client: Client) -> None:
    gate.set()

    async def main() -> list[int]:
        return [chunk.n async for chunk in client.start(writes_on.name).stream("lines")]

    assert asyncio.run(main()) == [1, 2, 3, 4]


def test_who_waits_for_a_server_that_closes_is_told_that_it_is_gone(server: Server, client: Client) -> None:
    gate.clear()
    run = client.start(writes_on.name)
    chunks = iter(run.stream("lines", after=3))
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(next, chunks), pool.submit(run.result)]
        until(lambda: server.listener._site._waiting == 2)
        server.close()
        gate.set()
        for each in asked:
            with pytest.raises(StoreUnavailable):
                each.result(20)
