"""A server as a browser or a program meets it: a real one, on a port of its own, over a store on disk."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from podium import App, task, workflow
from podium.env import RealEnv
from podium.server import Access, Binding, Listener, Service
from tests.waiting import until


@task
def double(n: int) -> int:
    return 2 * n


@workflow
def adds(n: int = 3) -> int:
    return sum(double(i) for i in range(n))


@workflow
def breaks(text: str) -> None:
    raise ValueError(text)


@task
def says(n: int) -> None:
    print(f"number {n}")


@workflow
def speaks(n: int) -> None:
    for i in range(n):
        says(i)


gate = threading.Event()


@task
def passes() -> str:
    gate.wait(30)
    return "through"


@workflow
def waits_for_gate() -> str:
    return passes()


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """What is under test, and how it is asked."""

    def __init__(self, app: App, listener: Listener, access: Access) -> None:
        self.app, self.listener, self.access = app, listener, access
        self.is_closed = False
        self.url, self.token = listener.url, access.token
        self.host = listener.url.removeprefix("http://").rstrip("/")

    def close(self) -> None:
        """End it; once."""
        if not self.is_closed:
            self.is_closed = True
            self.listener.close()

    def ask(
        self, path: str, method: str = "GET", body: Any = None, token: str | None = None, **headers: str
    ) -> Reply:
        """One request. `token=""`: without one; default: the admin's."""
        shown = self.access.token if token is None else token
        sent = {"Authorization": f"Bearer {shown}"} if shown else {}
        data = body
        if body is not None and not isinstance(body, bytes):
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, data, sent)
            reply = connection.getresponse()
            headers = {name.lower(): value for name, value in reply.getheaders()}
            has_end = headers["content-type"] != "text/event-stream"
            return Reply(reply.status, headers, reply.read() if has_end else b"")
        finally:
            connection.close()


@contextmanager
def serving(app: App, folder: Path) -> Generator[Server]:
    """The app, served; its token lies in the folder."""
    if app.has_engine:
        until(app.store.engines, "the engine, without which runs and schedules are shown as undriven")
    access = Access(folder / "podium.db-token")
    listener = Listener(Service(app, access, "1.2.3"), Binding(port=0), RealEnv())
    listener.start()
    served = Server(app, listener, access)
    try:
        yield served
    finally:
        served.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for tests that leave nothing behind."""
    folder = tmp_path_factory.mktemp("shared")
    with App(folder / "podium.db") as app, serving(app, folder) as served:
        yield served


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An app that drives, served."""
    with App(tmp_path / "podium.db") as app, serving(app, tmp_path) as served:
        yield served
