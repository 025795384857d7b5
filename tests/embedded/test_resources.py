"""Resources: opened once for each engine and key, kept, and closed after the tasks."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Options, resource, task, workflow
from tests.waiting import until

said: list[str] = []
address: list[str] = []
together = [0, 0]  # users of one at a time: now, at most


@pytest.fixture(autouse=True)
def _afresh() -> None:
    said.clear()
    together[:] = [0, 0]


class Shop(BaseHTTPRequestHandler):
    """Knows its users by cookies that it gives them."""

    def do_GET(self) -> None:
        _, verb, *name = self.path.split("/")
        self.send_response(200)
        if verb == "login":
            self.send_header("Set-Cookie", f"user={name[0]}; Path=/")
        self.end_headers()
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        self.wfile.write((cookie["user"].value if "user" in cookie else "nobody").encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def _shop() -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address[:] = [f"http://127.0.0.1:{server.server_port}"]
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@resource
def session(account: str) -> Iterator[urllib.request.OpenerDirector]:
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    client.open(f"{address[0]}/login/{account}").close()
    said.append(f"open {account}")
    yield client
    said.append(f"close {account}")


@task
def who(account: str) -> str:
    with session(account) as client, client.open(f"{address[0]}/me") as answer:
        return answer.read().decode()


@workflow
def everybody(accounts: int, calls: int) -> list[str]:
    return list(who.map([f"user-{n % accounts}" for n in range(accounts * calls)]))


def works(value: list[str]) -> bool:
    return "broken" not in value


@resource(check=works, idle=0.05)
async def line(name: str) -> AsyncIterator[list[str]]:
    said.append(f"open {name}")
    yield [name]
    await asyncio.sleep(0)
    said.append(f"close {name}")


@task
async def talks(name: str, breaks: str = "") -> int:
    async with line(name) as value:
        together[0] += 1
        together[1] = max(together)
        await asyncio.sleep(0.02)
        together[0] -= 1
        if breaks:
            value.append(breaks)
            raise ValueError(breaks)
        return id(value)


@workflow
async def talk(name: str, times: int) -> list[int]:
    return await asyncio.gather(*(talks(name) for _ in range(times)))


@workflow
async def trouble(breaks: str) -> str:
    try:
        await talks("phone", breaks)
    except ValueError:
        await talks("phone")
    return "done"


@resource
def fails(times: list[int] | None = None) -> Iterator[str]:
    said.append("tries")
    if said.count("tries") < 3:
        raise ConnectionError("not yet")
    yield "there"


@task(retries=podium.Retry(times=5, wait=0.01))
def insists() -> str:
    with fails() as value:
        return value


@task
def both() -> str:
    with session("a"), session("b"):
        return "both"


@task
def unhashable() -> None:
    with fails([1]):
        pass


@workflow
def in_a_body() -> None:
    session("a")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(tmp_path / "podium.db", options=Options(poll=0.05, grace=2)) as app:
        yield app


def test_fifty_accounts_have_a_session_each_with_its_own_cookies(app: App) -> None:
    found = everybody.run(50, 4)
    assert found == [f"user-{n % 50}" for n in range(200)]
    opened = [line for line in said if line.startswith("open")]
    assert len(opened) == len(set(opened)) == 50, "opened once each"
    assert not [line for line in said if line.startswith("close")]
    app.close()
    closed = [line.partition(" ")[2] for line in said if line.startswith("close")]
    assert sorted(closed) == sorted(line.partition(" ")[2] for line in opened), "after the tasks"


def test_an_async_one_is_shared_and_closed_when_it_is_idle(app: App) -> None:
    assert len(set(talk.run("phone", 5))) == 1
    assert together[1] == 5
    until(lambda: said == ["open phone", "close phone"])
    talk.run("phone", 1)
    app.close()
    assert said == 2 * ["open phone", "close phone"]


def test_one_that_broke_is_closed_and_opened_anew(app: App) -> None:
    assert trouble.run("broken") == "done"
    assert said[:3] == ["open phone", "close phone", "open phone"]


def test_a_task_that_fails_for_its_own_reasons_breaks_nothing(app: App) -> None:
    assert trouble.run("a bug") == "done"
    assert said == ["open phone"]


def test_what_cannot_be_opened_fails_the_task_and_is_tried_again(app: App) -> None:
    assert insists.run() == "there"
    assert said.count("tries") == 3


def test_two_at_once_are_closed_in_reverse(app: App) -> None:
    assert both.run() == "both"
    app.close()
    assert said == ["open a", "open b", "close b", "close a"]


def test_outside_of_tasks_it_is_opened_for_the_block(app: App) -> None:
    with session("me") as client, client.open(f"{address[0]}/me") as answer:
        assert answer.read() == b"me"
    assert said == ["open me", "close me"]


@resource(idle=0.05)
def brief(name: str) -> Iterator[str]:
    said.append(f"open {name}")
    yield name
    closed_by.append(threading.current_thread().name)
    said.append(f"close {name}")


closed_by: list[str] = []


@task
def borrows(name: str) -> str:
    with brief(name) as value:
        return value


may_end = threading.Event()


@task
def keeps() -> None:
    with brief("kept"):
        may_end.wait(30)


def test_a_sync_one_is_closed_when_it_is_idle_though_nobody_asks_again(app: App) -> None:
    for _ in range(2):  # it is looked after again, too
        closed_by.clear()
        said.clear()
        assert borrows.run("a") == "a"
        until(lambda: said == ["open a", "close a"])
        assert closed_by == ["podium-resources"], "not in the engine's thread"


def test_a_sync_one_that_is_lent_is_not_idle(app: App) -> None:
    may_end.clear()
    run = keeps.start()
    until(lambda: said == ["open kept"])
    assert borrows.run("other") == "other"
    until(lambda: said == ["open kept", "open other", "close other"])
    may_end.set()
    run.result(timeout=30)
    until(lambda: said[3:] == ["close kept"])


def test_what_cannot_be_is_said(app: App) -> None:
    with pytest.raises(podium.UsageError, match="cannot be hashed"):
        unhashable.run()
    with pytest.raises(podium.PodiumError, match="a workflow's body, which only decides"):
        in_a_body.run()
    with pytest.raises(podium.DeclarationError, match="needs a generator function"):
        resource(works)  # no generator
    with pytest.raises(podium.UsageError, match="no span"):
        resource(idle="soon")


@resource
def notebook(name: str) -> Iterator[list[str]]:
    said.append(f"open {name}")
    yield []
    said.append(f"close {name}")


def writes(line: str) -> None:
    with notebook("a") as lines:
        lines.append(line)


@task
def nested() -> list[str]:
    with notebook("a") as lines:
        writes("inner")
        with notebook("b") as others:
            others.append("other")
        lines.append("outer")
        return lines


@task
def fails_inside() -> str:
    with notebook("a") as lines:
        try:
            with notebook("a"):
                raise ValueError("inner")
        except ValueError:
            lines.append("goes on")
        return lines[-1]


@task
async def lends_and_waits(entered: bool) -> str:
    try:
        with notebook("c"):
            await asyncio.sleep(0.05)
            return "had it"
    except podium.UsageError as error:
        return error.message


@workflow
async def nests() -> tuple[list[str], str]:
    return nested(), fails_inside()


@workflow
async def lends_twice() -> list[str]:
    return list(await asyncio.gather(lends_and_waits(True), lends_and_waits(False)))


def test_a_task_that_has_one_gets_the_same_again(app: App) -> None:
    assert nests.run() == (["inner", "outer"], "goes on")
    assert said == ["open a", "open b"], "once, and kept"


def test_an_async_task_does_not_hold_up_the_loop_for_one_that_another_has(app: App) -> None:
    found = sorted(lends_twice.run())
    assert found[0] == "had it"
    assert "resource notebook is lent to another task" in found[1]
