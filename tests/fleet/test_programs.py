"""The program of a file's store on PostgreSQL, unchanged; and what is said where the two differ."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from podium.store import open_store
from tests import forkserver

ROOT = Path(__file__).parents[2]
Command = Callable[..., "subprocess.CompletedProcess[str]"]

HELLO = """
from podium import task, workflow

@task
def greet(name):
    return f"hello {name}"

@workflow
def hello(names):
    return list(greet.map(names))

if __name__ == "__main__":
    print(hello(["ada", "bob"]))
"""

LINED = """
import podium
from podium import Queue, task, workflow

@task(queue=Queue("api", concurrency=1))
def ask(n):
    return n

@workflow
def asks(n):
    return ask(n)

if __name__ == "__main__":
    try:
        asks.start(1).result(timeout=4)
    except TimeoutError:
        print("no answer")
"""


@pytest.fixture
def command(tmp_path: Path, url: str) -> Command:
    """Runs Python in a folder of its own, on the test's database, for the project "shop"."""
    (tmp_path / "hello.py").write_text(HELLO, "utf-8")

    def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PODIUM_")}
        environment = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "PODIUM_URL": url,
            "PODIUM_PROJECT": "shop",
            **settings,
        }
        environment = {key: value for key, value in environment.items() if value}
        return forkserver.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    return run


def test_a_script_runs_and_is_on_record(command: Command) -> None:
    ran = command("hello.py")
    assert (ran.stdout, ran.returncode) == ("['hello ada', 'hello bob']\n", 0), ran.stderr
    shown = command("-m", "podium", "show", "@last")
    assert "succeeded" in shown.stdout
    assert "greet" in shown.stdout
    assert "nothing more will happen to it" in command("-m", "podium", "why", "@last").stdout


def test_a_program_says_which_of_its_queues_no_worker_serves(command: Command, tmp_path: Path) -> None:
    (tmp_path / "lined.py").write_text(LINED, "utf-8")
    ran = command("lined.py")
    assert "podium: no worker serves api: podium worker lined" in ran.stderr
    assert "no answer" in ran.stdout


def test_a_project_without_a_name_is_refused_before_anything_is_stored(command: Command) -> None:
    ran = command("hello.py", PODIUM_PROJECT="")
    assert ran.returncode != 0
    assert "may be shared by many projects" in ran.stderr
    assert "PODIUM_PROJECT=name" in ran.stderr
    assert '"runs":[]' in command("-m", "podium", "runs", "--json").stdout


def test_doctor_says_what_is_true_of_a_server(command: Command) -> None:
    command("hello.py")
    said = command("-m", "podium", "doctor").stdout
    assert "version 1 of 1" in said
    assert "engines wake each other by NOTIFY" in said
    assert "the server runs with fsync = off" in said


def test_a_backup_is_left_to_the_tools_of_the_server(command: Command, tmp_path: Path) -> None:
    ran = command("-m", "podium", "backup", "copy.db")
    assert ran.returncode != 0
    assert "pg_dump --format=custom --schema=podium" in ran.stderr
    assert not (tmp_path / "copy.db").exists()


def test_runs_are_pruned_with_all_that_is_on_record_of_them(command: Command, url: str) -> None:
    command("hello.py")
    ran = command("-m", "podium", "prune", "status:succeeded", "--yes", "--vacuum")
    assert ran.returncode == 0, ran.stderr
    assert '"runs":[]' in command("-m", "podium", "runs", "--json").stdout


def test_what_it_takes_to_get_in_is_shown_nowhere(command: Command, url: str) -> None:
    secret = url.replace("podium@", "podium:hunter2@")
    for words in (("hello.py",), ("-m", "podium", "config")):
        ran = command(*words, PODIUM_URL=secret)
        assert "hunter2" not in ran.stdout + ran.stderr
    closed = command("-m", "podium", "doctor", PODIUM_URL="postgresql://podium:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in closed.stdout + closed.stderr
    assert "no connection to PostgreSQL on 127.0.0.1:1, none" in closed.stdout + closed.stderr


def project(url: str, run: str) -> str:
    """Of a run on record."""
    with closing(open_store(url)) as store:
        store.migrate()
        row = store.load(run)
    assert row is not None
    return row.project


def test_a_store_moves_to_a_server_and_back_and_its_runs_are_found(
    command: Command, url: str, tmp_path: Path
) -> None:
    """In the project's own file its runs have no project's name, on a server they have."""
    file = ".podium/podium.db"
    later = "import hello; print(hello.hello.start(['eve']).id)"
    run = command("-c", later, PODIUM_URL=file, PODIUM_ENGINE="off").stdout.strip()
    moved = command("-m", "podium", "move", file, url, PODIUM_URL="")
    assert (moved.stdout, moved.returncode) == (f"{url}\n", 0), moved.stderr
    assert "1 run moved" in moved.stderr
    gone = command("-m", "podium", "runs", PODIUM_URL=file)
    assert gone.returncode != 0
    assert f"this store was moved to {url}" in gone.stderr
    assert project(url, run) == "shop"
    back = command("-m", "podium", "move", url, file, "--json", PODIUM_URL="")
    assert json.loads(back.stdout)["runs"] == 1, back.stderr
    resumed = command("-m", "podium", "resume", run, PODIUM_URL=file)
    assert resumed.returncode == 0, resumed.stderr
    assert "hello eve" in resumed.stdout + resumed.stderr
    assert project(f"sqlite:///{tmp_path / file}", run) == ""
