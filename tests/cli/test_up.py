"""`podium up`: a link within seconds, runs driven, and after a kill the same link and no step done again."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from podium import Client
from podium.env import RealEnv
from tests import forkserver
from tests.cli.support import PODIUM, STORE, environment, podium, write_app

LINK = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")


@contextmanager
def up(*args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its link; killed at the end, if it is still there."""
    started = forkserver.Popen(
        [*PODIUM, "up", "--port", "0", "--no-open", *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        assert started.stdout is not None
        found = LINK.search(started.stdout.readline())
        assert found, started.stderr and started.stderr.read()
        yield started, found[0]
    finally:
        started.kill()
        started.communicate()


def asked(link: str, path: str) -> Any:
    base, _, token = link.partition("?token=")
    request = Request(base + path.lstrip("/"), headers={"Authorization": f"Bearer {token}"})
    with urlopen(request, timeout=30) as reply:
        return json.load(reply)


def test_a_link_comes_within_seconds_and_runs_are_driven(project: Path) -> None:
    write_app(project)
    env = RealEnv()
    began = env.monotonic()
    with up("app") as (started, link):
        assert asked(link, "/api/me")["role"] == "admin"
        ready = env.monotonic() - began
        assert Client(link).start("adds", 4).result(timeout=30) == 6
        assert stat.S_IMODE((project / f"{STORE}-token").stat().st_mode) == 0o600
        [engine] = asked(link, "/api/engines")["items"]
        assert (engine["pid"], engine["alive"], engine["modules"]) == (started.pid, True, ["app"])
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0
    assert ready < 20  # two seconds, and room for a machine that does much else


def test_a_kill_costs_the_work_in_flight_alone_and_the_link_stays(project: Path) -> None:
    write_app(project)
    with up("app") as (started, link):
        run = Client(link).options(id="mine").start("adds", 30)
        while asked(link, "/api/runs/mine")["steps"] < 5:
            pass  # until some are on record
        started.kill()
        started.wait(30)
    on_record = len(json.loads(podium("show", "mine", "--json").stdout)["history"])
    with up("app") as (_, again):
        assert again.partition("?")[2] == link.partition("?")[2]
        assert Client(again).get("mine").result(timeout=60) == sum(range(30))
        shown = asked(again, "/api/runs/mine")
        assert (shown["owners_lost"], shown["steps"]) == (1, 30)
    assert run.id == "mine"
    began = [line for line in (project / "ledger").read_text().splitlines() if line.startswith("began")]
    assert len(began) <= 30 + 1
    assert on_record >= 5


def test_a_broken_module_is_shown_and_the_others_are_served(project: Path) -> None:
    write_app(project)
    (project / "broken.py").write_text("import nothing_like_this\n")
    with up("app", "broken") as (_, link):
        listed = asked(link, "/api/workflows")
        assert "nothing_like_this" in listed["broken"]["broken"]
        assert "app:adds" in [item["name"] for item in listed["items"]]


def test_without_a_module_it_only_shows(project: Path) -> None:
    write_app(project)
    podium("run", "app:adds")
    with up() as (_, link):
        assert [run["state"] for run in asked(link, "/api/runs")["items"]] == ["succeeded"]
        assert asked(link, "/api/engines")["items"] == []


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--host", "0.0.0.0"), 2, "can be reached by others"),
        (("--tls-cert", "cert.pem"), 2, "needs a certificate and its key"),
        (("nowhere",), 7, "there is no module 'nowhere'"),
        (("--port", "70000"), 2, "not in the range"),
    ],
)
def test_what_cannot_be_served_is_refused(project: Path, args: tuple[str, ...], code: int, said: str) -> None:
    done = podium("up", "--no-open", *args)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_a_port_that_is_taken_is_named(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = podium("up", "--no-open", "--port", str(port))
    assert (done.returncode, f"127.0.0.1:{port}" in done.stderr) == (2, True)


def test_a_token_that_others_can_read_is_refused(project: Path) -> None:
    token = project / f"{STORE}-token"
    token.touch()
    os.chmod(token, 0o644)
    done = podium("up", "--no-open", "--port", "0")
    assert (done.returncode, "can be read by others" in done.stderr) == (2, True)
