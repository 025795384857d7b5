"""What is told as it happens, by a stream that can be cut and goes on."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from podium import App
from podium.client.pruning import forget
from tests.server.conftest import Server, adds, gate, waits_for_gate


class Told(NamedTuple):
    id: str
    topic: str
    data: Any


class Stream:
    """Reads one stream of events."""

    def __init__(self, connection: http.client.HTTPConnection, reply: http.client.HTTPResponse) -> None:
        self._connection, self._reply = connection, reply

    def next(self, *topics: str) -> Told:
        """The next event, of these topics where any are named."""
        fields: dict[str, str] = {}
        while True:
            line = self._reply.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                told = Told(fields["id"], fields["event"], json.loads(fields["data"]))
                if not topics or told.topic in topics:
                    return told
                fields = {}

    def until(self, run: str, state: str) -> Told:
        """The event that says so of a run."""
        while True:
            told = self.next("run")
            if told.data["id"] == run and told.data["state"] == state:
                return told


@contextmanager
def stream(server: Server, **headers: str) -> Iterator[Stream]:
    connection = http.client.HTTPConnection(server.host, timeout=30)
    shown = {"Authorization": f"Bearer {server.access.token}"}
    connection.request(
        "GET", "/api/events", headers=shown | {k.replace("_", "-"): v for k, v in headers.items()}
    )
    reply = connection.getresponse()
    assert reply.headers["content-type"] == "text/event-stream"
    try:
        yield Stream(connection, reply)
    finally:
        reply.close()
        connection.close()


def test_a_run_and_its_steps_are_told_of_as_they_happen(server: Server) -> None:
    with stream(server) as events:
        assert events.next().topic == "hello"
        adds.options(id="here").start(3)
        step = events.next("step")
        assert (step.data["run"], set(step.data["steps"].values()) <= {"running", "succeeded"}) == (
            "here",
            True,
        )
        assert events.until("here", "succeeded").data["entries"] == 3


def test_what_another_app_commits_is_told_of(server: Server) -> None:
    with stream(server) as events, App(server.app.url, drives="nothing"):
        events.next("hello")
        adds.options(id="there", delay=3600).start(1)
        assert events.until("there", "queued").data["function"] == adds.name


def test_a_run_that_is_pruned_is_told_of_although_it_had_ended(server: Server) -> None:
    for id in ("past", "newer"):
        adds.options(id=id).run(1)
    with stream(server) as events:
        events.next("hello")
        assert list(forget(server.app, [server.app.load("past")])) != []
        assert events.until("past", "gone")


def test_a_stream_that_was_cut_goes_on_where_it_was(server: Server) -> None:
    with stream(server) as events:
        events.next("hello")
        adds.options(id="first").start(1)
        last = events.until("first", "succeeded").id
        adds.options(id="second").start(1)
        events.until("second", "succeeded")
    with stream(server, Last_Event_ID=last) as again:
        again.next("hello")
        assert again.until("second", "succeeded")


def test_whoever_comes_back_from_another_time_is_told_to_read_anew(server: Server) -> None:
    for place in ("1m8cq2w7kd3nvx0t5r.7", "nonsense", ".", f"x.{'9' * 40}"):
        with stream(server, Last_Event_ID=place) as events:
            events.next("hello")
            assert events.next().topic == "reset"


def test_a_wait_for_a_run_is_answered_when_it_ends(server: Server) -> None:
    waits_for_gate.options(id="held").start()
    assert server.ask("/api/runs/held/wait?timeout=0").json["done"] is False
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(server.ask("/api/runs/held/wait?timeout=30").json)
    )
    waiting.start()
    gate.set()
    waiting.join(30)
    assert [(answer["done"], answer["result"]) for answer in answers] == [(True, "through")]
    assert server.ask("/api/runs/held/wait").json["done"] is True


def test_a_server_that_closes_ends_its_streams(server: Server) -> None:
    with stream(server) as events:
        events.next("hello")
        closing = threading.Thread(target=server.close)
        closing.start()
        closing.join(30)
        assert not closing.is_alive()
