"""What `import podium` costs, seen from a fresh process, and what it promises."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import podium
from tests.tidy.source import ROOT

NEVER = (
    "apsw",
    "click",
    "rich",
    "uvicorn",
    "h11",
    "pydantic",
    "numpy",
    "sqlite3",
    "http",
    "urllib.request",
    "hypothesis",
    "pytest",
)
MODULES_MAX = 15  # of `import podium`, which loads nothing before it is asked
# Of a process that runs a workflow. Python and the libraries are 210 of them; the rest is ours, and each one
# costs whoever has it loaded: docs/design.md, "What is loaded late".
RUNNING_MAX = 500


def fresh_modules(code: str, folder: Path | None = None) -> set[str]:
    """Names in sys.modules of a new interpreter after running some code, in a folder."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, cwd=folder
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_import_podium_is_light() -> None:
    brought = fresh_modules("import podium") - fresh_modules("pass")
    assert not [name for name in brought if name.startswith(tuple(f"{n}." for n in NEVER)) or name in NEVER]
    assert len(brought) <= MODULES_MAX


_RUNS = """
import asyncio
from podium import task, workflow

@task
async def one() -> int:
    return 1

@workflow
async def two() -> int:
    return await one() + await one()

assert asyncio.run(two()) == 2
"""
# What few programs need, and what this costs: 25,000 objects of the collector's are not ours to begin with.
SELDOM = (
    "podium.calendar",
    "podium.client.alerts",
    "podium.client.decisions",
    "podium.client.executor",
    "podium.client.moving",
    "podium.client.schedule_record",
    "podium.client.schedules",
    "podium.client.steering",
    "podium.executors.cluster",
    "podium.executors.command",
    "podium.executors.wire",
    "podium.inspect.causes",
    "podium.inspect.query",
    "podium.inspect.run_card",
    "podium.inspect.whereabouts",
    "podium.store.sqlite.backup",
    "podium.store.sqlite.health",
    "podium.store.sqlite.moving",
    "cronsim",
    "difflib",
    "multiprocessing",
    "pickle",
    "statistics",
    "tomllib",
)


def test_a_process_that_runs_a_workflow_loads_what_it_needs(tmp_path: Path) -> None:
    script = tmp_path / "runs.py"
    script.write_text(f"{_RUNS}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))")
    ran = subprocess.run(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PODIUM_URL": str(tmp_path / "s.db"), "PODIUM_PROJECT": "tests"},
    )
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
    assert not [name for name in (*NEVER, *SELDOM) if name in loaded and name not in ("apsw", "sqlite3")]
    assert len(loaded) <= RUNNING_MAX


_IN_A_BODY = """
import asyncio, sys
import podium
from podium import task, workflow

@task
def one(x: int) -> int:
    return x

@workflow
def child() -> int:
    return 1

@workflow
def body() -> int:
    before = set(sys.modules)
    podium.now(), podium.random(), podium.uuid4(), podium.this().id, podium.sleep(0)
    podium.publish("value", 1), podium.emit("stream", 1), podium.measure("n", 1)
    run = child.options(id="child-1", tags=["few"]).start()
    total = run.result() + one.start(1).result() + sum(one.map([1, 2])) + one(1)
    podium.this().send("again", 1)
    podium.receive("again").result()
    came = sorted(name for name in set(sys.modules) - before if name.startswith("podium"))
    assert not came, came
    return total

assert body.run() == 6
"""


def test_what_a_body_may_call_is_not_loaded_in_its_turn(tmp_path: Path) -> None:
    script = tmp_path / "body.py"
    script.write_text(_IN_A_BODY)
    subprocess.run(
        [sys.executable, script],
        check=True,
        env={**os.environ, "PODIUM_URL": str(tmp_path / "s.db"), "PODIUM_PROJECT": "tests"},
    )


LOOKING = (
    "export @last --html run.html",
    "logs @last",
    "runs",
    "show @last",
    "why @last",
    "workers",
)
# What a command that looks must not load, heaviest first: together they cost as much as all that it needs.
DOING = (
    "podium.client",
    "podium.engine",
    "asyncio",
    "podium.executors",
    "podium.machine",
    "podium.functions",
    "podium.declare",
    "podium.calendar",
    "email",
    "ssl",
    "multiprocessing",
    "concurrent",
    "ctypes",
    "greenlet",
    "rich",
)


_FAILING = """
import podium

@podium.workflow
def breaks():
    raise ValueError("it is broken")

try:
    breaks.run()
except ValueError:
    pass
"""
_EACH_VERB = """
from podium.cli.main import command_line
for words in {lines!r}:
    code = command_line.main([*words.split(), "--store", {store!r}], standalone_mode=False)
    assert not code, (words, code)
"""


def test_commands_that_look_load_nothing_that_drives(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    script = tmp_path / "broken.py"
    script.write_text(_FAILING)
    subprocess.run([sys.executable, script], env={**os.environ, "PODIUM_URL": store}, check=True)
    loaded = fresh_modules(_EACH_VERB.format(lines=LOOKING, store=store), tmp_path)
    assert not [name for name in DOING if name in loaded]


PUBLIC: list[str] = sorted(getattr(podium, "__all__", ()))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_a_docstring(name: str) -> None:
    value = getattr(podium, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert (value.__doc__ or "").strip(), f"podium.{name}: shapes, units, errors raised, an example"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_in_the_documents(name: str) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert any(re.search(rf"\b{name}\b", page.read_text(encoding="utf-8")) for page in pages)


_SERVES = """
from podium import App, late, task

@task
async def one() -> int:
    return 1

with App("podium.db", drives="all") as app:
    app.session.listen()
    assert not late._standing
"""


def test_a_process_that_drives_all_runs_has_loaded_what_it_may_need_in_weeks(tmp_path: Path) -> None:
    """After an upgrade in place there may be other files then."""
    loaded = fresh_modules(_SERVES, tmp_path)
    assert {"podium.client.schedules", "podium.client.alerts", "podium.executors.command"} <= loaded
