"""Tasks behind HTTP: what a function endpoint makes is recorded once, whatever becomes of it in between."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import podium
from podium import App, Options, RunCancelled, RunParked, TaskCrashed, TaskTimeout, UsageError, workflow
from podium.client import shown_settings
from podium.engine.residents import losses_of
from podium.http import endpoint
from podium.inspect import cause_of
from podium.model import Kind
from tests.examples.support import program, said
from tests.http import served as tasks
from tests.http.conftest import KEY, Served, free_port
from tests.server.conftest import serving
from tests.waiting import until

OPTIONS = Options(poll=0.05, grace=0)
EARLY = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
)


@workflow
async def squares(count: int) -> list[int]:
    return await tasks.square.map(range(count), limit=50)


@workflow
async def greets(name: str) -> tuple[str, int]:
    return await tasks.greet(name)


@workflow
def fails() -> str:
    try:
        tasks.fails("gone")
    except LookupError as error:
        return repr(error)
    return ""


@workflow
async def stays() -> None:
    await tasks.stays()


@workflow
def lands() -> str:
    return tasks.lands()


@workflow
async def waits_long(url: str, token: str) -> int:
    done = podium.callback(int)
    tasks.begins(done.id, url, token)
    return await done


@workflow
def asks_for_another() -> None:
    tasks.unserved()


@contextlib.contextmanager
def app_for(folder: Path, url: str, key: str = KEY) -> Iterator[App]:
    with App(folder / "podium.db", options=OPTIONS, executors={"http": endpoint(url, key=key)}) as app:
        yield app


@pytest.fixture
def app(served: Served, tmp_path: Path) -> Iterator[App]:
    with app_for(tmp_path, served.url) as app:
        yield app


def test_both_colours_and_failures_come_back_as_they_are(app: App) -> None:
    assert greets.run("you") == ("hello you", 1)
    run = greets.start("me")
    assert [chunk.value for chunk in run.stream("words")] == ["me"]
    assert run.value("name") == "me"
    assert squares.run(3) == [0, 1, 4]
    assert fails.run() == "LookupError('gone')"


def test_why_says_which_endpoint_cannot_be_reached_until_it_is(tmp_path: Path) -> None:
    served = Served(tmp_path)
    options = Options(poll=0.05, grace=0, lease=0.6)
    executors = {"http": endpoint(served.url, key=KEY)}
    with App(tmp_path / "podium.db", options=options, executors=executors) as app:
        run = greets.start("you")
        until(lambda: cause_of(app, app.load(run.id)).kind == "losing")
        cause = cause_of(app, app.load(run.id))
        assert cause.what.startswith("its attempts come to nothing, and begin again: ")
        assert f"{served.port}/podium cannot be reached" in cause.what
        served.start()
        try:
            assert run.result(30)[0] == "hello you"
            until(lambda: not losses_of(app.session.host.engine.owned))
        finally:
            served.kill()


def test_one_that_overruns_its_timeout_is_hung_up_on_and_cancelled_there(app: App, served: Served) -> None:
    with pytest.raises(TaskTimeout, match=r"longer than its timeout of 0\.3 s"):
        stays.run()
    until(lambda: served.lines() == ["begun", "left"])


def test_one_with_an_effect_that_may_still_run_is_waited_for(app: App, served: Served) -> None:
    assert lands.run() == "landed"
    assert served.lines() == ["begun", "landed"]


def test_an_answer_that_stops_in_its_middle_is_hung_up_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as held:
        port = server.getsockname()[1]

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.callback(connection.close)
                with contextlib.suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nx"
                    )

        threading.Thread(target=answer, daemon=True).start()
        overran = pytest.raises(TaskTimeout, match=r"longer than its timeout of 0\.3 s")
        with app_for(tmp_path, f"http://127.0.0.1:{port}/podium"), overran:
            stays.start().result(30)
        server.shutdown(socket.SHUT_RDWR)


def test_a_cancelled_run_hangs_up(app: App, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.stays._function, "timeout", None)
    run = stays.start()
    until(lambda: served.lines() == ["begun"])
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result()
    until(lambda: served.lines() == ["begun", "left"])


def test_an_app_that_closes_hangs_up_and_leaves_no_thread(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.stays._function, "timeout", None)
    with app_for(tmp_path, served.url):
        stays.start()
        until(lambda: served.lines() == ["begun"])
    until(lambda: served.lines() == ["begun", "left"])
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("podium-http")])


def test_whatever_goes_wrong_with_a_call_it_is_answered(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("of a library")

    monkeypatch.setattr("podium.executors.http_calls.decode_outcome", fails)
    with pytest.raises(TaskCrashed, match="of a library"):
        greets.run("you")


def test_another_key_parks_the_run_until_that_is_mended(served: Served, tmp_path: Path) -> None:
    with app_for(tmp_path, served.url, "another key that has more than 32 characters"):
        run = greets.start("you")
        with pytest.raises(RunParked, match="answered 401 for greet: its signature is not of this key"):
            run.result()
    with app_for(tmp_path, served.url) as app:
        app.resume(run.id).result()
        assert greets.get(run.id).result() == ("hello you", 1)


def test_a_task_that_is_not_served_parks_the_run(app: App) -> None:
    with pytest.raises(RunParked, match=r"answered 404 for unserved: there is no task"):
        asks_for_another.run()


def test_a_call_waits_for_an_endpoint_that_is_not_there_and_loses_no_try(
    served: Served, tmp_path: Path
) -> None:
    served.kill()
    with app_for(tmp_path, served.url) as app:
        run = greets.start("you")
        until(lambda: app.store.logs(run.id))
        with pytest.raises(TimeoutError):
            run.result(timeout=0.8)
        (line,) = app.store.logs(run.id)
        assert "cannot be reached" in line.text
        served.start()
        words, attempt = run.result()
        assert words == "hello you"
        assert attempt > 1
        assert Kind.RETRY not in [entry.kind for entry in run.history()]


class Trouble:
    """A proxy that is slow, answers 503, hangs up before or after the work is done, answers twice, or with
    interim answers first."""

    def __init__(self, port: int) -> None:
        self._to, self.port, self.count, self.did = port, free_port(), 0, Counter[str]()
        self._ready, self._done = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Trouble:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._call, "127.0.0.1", self.port)
        async with server:
            self._ready.set()
            await self._done.wait()

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.count += 1
        way = ("early", "503", "", "twice", "", "deaf", "slow", "", "cut", "twice", "")[self.count % 11]
        self.did[way] += 1
        try:
            if way == "503":
                writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n")
            elif way != "deaf":
                answer = await self._pass_on(reader)
                if way == "slow":
                    await asyncio.sleep(0.05)
                if way == "early":
                    writer.write(EARLY)
                if way != "cut":
                    writer.write(answer * (1 + (way == "twice")))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            await hang_up(writer)

    async def _pass_on(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        there, to = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            to.write(head + await reader.readexactly(size))
            head = await there.readuntil(b"\r\n\r\n")
            return head + await there.readexactly(_length(head))
        finally:
            await hang_up(to)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _length(head: bytes) -> int:
    lines = (line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2])
    return next(int(value) for name, value in lines if name == b"content-length")


def test_500_calls_through_a_server_in_trouble_are_each_recorded_once(served: Served, tmp_path: Path) -> None:
    with Trouble(served.port) as trouble, app_for(tmp_path, f"http://127.0.0.1:{trouble.port}/podium"):
        run = squares.start(500)
        for lines in (100, 300):
            until(lambda lines=lines: len(set(served.lines())) >= lines)
            served.kill()
            served.start()
        assert run.result() == [n * n for n in range(500)]
        results = Counter(entry.step for entry in run.history() if entry.kind is Kind.RESULT)
    assert len(results) == 500
    assert set(results.values()) == {1}
    assert all(trouble.did[way] > 20 for way in ("503", "twice", "deaf", "slow", "cut", "early"))
    made = Counter(served.lines())
    assert len(made) == 500, "every attempt at a step has the same idempotency key"
    print(f"{sum(made.values())} bodies, {sum(trouble.did.values())} requests: {dict(trouble.did)}")


def test_a_call_that_takes_long_is_answered_by_a_callback(app: App, tmp_path: Path) -> None:
    with serving(app, tmp_path) as server:
        assert waits_long.run(server.url, server.token) == 42


def test_a_killed_engine_begins_its_open_calls_again_and_no_other(served: Served, tmp_path: Path) -> None:
    settings = {"PODIUM_HTTP_URL": served.url, "PODIUM_HTTP_KEY": KEY}
    first = program(tmp_path, "tests.http.program", **settings)
    until(lambda: len(served.lines()) >= 80)
    first.kill()
    first.communicate()
    assert len(served.lines()) < 200
    assert said(tmp_path, "tests.http.program", **settings) == f"{sum(n * n for n in range(200))}\n"
    made = Counter(served.lines())
    assert len(made) == 200
    assert made.total() <= 200 + 3 * 20, "those that were open, or whose outcome waited for its commit"


def test_a_worker_is_told_by_its_environment_and_its_key_is_not_shown(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODIUM_HTTP_URL", served.url)
    with pytest.raises(UsageError, match="without a key"):
        App(tmp_path / "podium.db")
    monkeypatch.setenv("PODIUM_HTTP_KEY", KEY)
    with App(tmp_path / "podium.db", options=OPTIONS):
        assert greets.run("you") == ("hello you", 1)
    assert KEY not in repr(shown_settings())
