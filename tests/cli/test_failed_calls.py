"""What a failed step was called with is told wherever its failure is: which of the items was it?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from podium import App, TaskCrashed, TaskTimeout, task, workflow
from tests import forkserver
from tests.cli.support import environment, podium, write_app

SOURCE = """
import asyncio
from podium import task, workflow

@task
def convert(path: str, password: str = "hunter2") -> str:
    if path == "f17.csv":
        raise ValueError("bad row")
    return path

@task(retries=1)
async def unlucky(n: int) -> int:
    raise KeyError(n)

@workflow
async def all_files() -> list[str]:
    return await convert.map([f"f{i}.csv" for i in range(30)])

@workflow
async def some_files() -> list[object]:
    return await convert.map(["f1.csv", "f17.csv"], on_error="return")

@workflow
async def grouped() -> None:
    async def one(path: str) -> str:
        return convert(path, password="hun" + "ter3")
    async with asyncio.TaskGroup() as group:
        for path in ("f16.csv", "f17.csv"):
            group.create_task(one(path))

@workflow
async def wrapped() -> None:
    try:
        convert("f17.csv")
    except ValueError as error:
        raise RuntimeError("no files") from error

@task(retries=1)
def asks(host: str) -> None:
    try:
        raise OSError(f"cannot reach https://ann:hunter4@{host}/?token=hunter5")
    except OSError as error:
        error.add_note(f"proxy http://me:hunter6@{host}")
        raise RuntimeError(f"no answer of postgres://ann:hunter7@{host}/x") from error

@workflow
def leaks() -> None:
    asks("db")

@workflow
async def waits() -> int:
    return await unlucky(5)

if __name__ == "__main__":
    all_files.run()
"""

CALLED = "in convert(path='f17.csv'), item 17 of the map"


@pytest.fixture
def project(project: Path) -> Path:
    write_app(project, SOURCE)
    return project


def test_every_verb_says_which_item_failed(project: Path) -> None:
    ran = podium("run", "app:all_files", "--id", "r")
    assert f"\n  {CALLED}\n" in ran.stderr
    assert "✖ convert(path='f17.csv'), item 17 of the map: ValueError: bad row" in ran.stderr
    assert CALLED in podium("show", "r").stdout
    assert CALLED in podium("show", "r", "--all").stdout
    assert CALLED in podium("why", "r").stdout
    assert CALLED in podium("logs", "r").stderr
    shown = json.loads(podium("show", "r", "--json").stdout)
    assert shown["error"]["call"] == CALLED.removeprefix("in ")
    (failed,) = [entry for entry in shown["history"] if entry["kind"] == "error"]
    assert failed["error"]["call"] == CALLED.removeprefix("in ")
    assert shown["error"]["message"] == "bad row"


@pytest.mark.parametrize(
    ("workflow", "told"),
    [
        ("grouped", "password=***"),
        ("wrapped", "because of ValueError: bad row  in convert(path='f17.csv')"),
        ("waits", "in unlucky(n=5)"),
    ],
)
def test_so_does_the_report_of_groups_causes_and_tries(project: Path, workflow: str, told: str) -> None:
    ran = podium("run", f"app:{workflow}")
    assert ran.returncode == 1
    assert told in ran.stderr
    assert "hunter3" not in ran.stdout + ran.stderr


def test_of_a_group_every_verb_says_the_first_of_them(project: Path) -> None:
    podium("run", "app:grouped", "--id", "r")
    told = [podium("why", "r").stdout, podium("show", "r").stdout, podium("logs", "r").stderr]
    assert all("in convert(path='f1" in text for text in told), told


def test_a_script_prints_it_as_a_note(project: Path) -> None:
    ran = forkserver.run(
        [sys.executable, "app.py"], capture_output=True, text=True, env=environment(), check=False
    )
    assert ran.stderr.splitlines()[-2:] == ["ValueError: bad row", CALLED]


# -- in code -----------------------------------------------------------------------------------------------


@task
def convert(path: str) -> str:
    raise ValueError(path)


@task(timeout=0.05, isolation="process")
def dawdles(path: str) -> None:
    while True:
        pass


@task(isolation="process")
def crashes(path: str) -> None:
    os._exit(3)


@task(isolation="process")
def refuses(path: str) -> None:
    raise ValueError(path)


@workflow
def fails(how: str) -> list[str]:
    """The notes that a body sees."""
    task = {"thread": convert, "timeout": dawdles, "crash": crashes, "process": refuses}[how]
    try:
        task("a.csv")
    except (ValueError, TaskTimeout, TaskCrashed) as error:
        return error.__notes__
    return []


@workflow
async def returned() -> list[str]:
    errors = await convert.map(["a", "b"], on_error="return")
    return [note for error in errors for note in getattr(error, "__notes__", ())]


@workflow
def passes_on() -> None:
    convert("a.csv")


@pytest.mark.parametrize(
    ("how", "name"),
    [("thread", "convert"), ("timeout", "dawdles"), ("crash", "crashes"), ("process", "refuses")],
)
def test_a_body_sees_a_note(tmp_path: Path, how: str, name: str) -> None:
    with App(tmp_path / "podium.db"):
        assert fails.run(how) == [f"in {name}(path='a.csv')"]


def test_each_failure_of_a_map_says_which_item(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        assert returned.run() == [
            f"in convert(path='{path}'), item {n} of the map" for n, path in enumerate("ab")
        ]


def test_the_note_is_there_once_however_far_the_failure_has_come(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db") as app:
        run = passes_on.start()
        with pytest.raises(ValueError, match=r"a\.csv") as raised:
            run.result()
        assert raised.value.__notes__ == ["in convert(path='a.csv')"]
        assert app.load(run.id).payload.count(b"convert(path=") == 1
        with pytest.raises(ValueError, match=r"a\.csv") as again:
            run.retry().result()
        assert again.value.__notes__ == ["in convert(path='a.csv')"]


@pytest.mark.parametrize(
    "words", [("run", "app:leaks"), ("show", "@last"), ("why", "@last"), ("logs", "@last"), ("runs",)]
)
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_passwords_in_what_failed_are_shown_nowhere(
    project: Path, words: tuple[str, ...], more: tuple[str, ...]
) -> None:
    podium("run", "app:leaks")
    for trace in ("0", "1"):
        ran = podium(*words, *more, PODIUM_TRACE=trace)
        assert "hunter" not in ran.stdout + ran.stderr
