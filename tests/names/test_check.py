"""`podium check` foretells what runs that were left in the middle do on changed code: 30 of them, change by
change, beside what they really do there.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from podium import App
from podium.model import Query
from tests import forkserver
from tests.cli.support import podium

FLOWS = """
import podium
from podium import task, workflow

@task
async def one(n: int) -> int:
    return n + 1

@task
async def two(n: int) -> int:
    return n * 2

@task
async def three(n: int) -> int:
    return n * 3

async def gate(stop: int, place: int) -> None:
    if stop == place:
        await podium.receive("go")

@workflow
async def flow(stop: int) -> int:
    a = await one(1)
    await gate(stop, 1)
    b = await two(a)
    await gate(stop, 2)
    c = await three(b)
    await gate(stop, 3)
    return a + b + c
"""

BEGIN = """
import sys, time
import flows
import podium

with podium.App("podium.db"):
    begun = [flows.flow.options(id=f"r{n}-{stop}").start(stop) for n in range(10) for stop in (1, 2, 3)]
    while any(len(run.history()) < int(run.id[-1]) for run in begun):
        time.sleep(0.01)
"""

# What is foretold; then what happens, in a copy of the store.
GO_ON = """
import json, sys, time
from podium.cli import main

try:
    main(["check", "--json", "--store", "podium.db"])
except SystemExit as end:
    print(json.dumps(int(end.code)))
try:
    import flows
except Exception:
    sys.exit()
import podium

with podium.App("copy.db", drives="nothing"):
    for run in podium.runs():
        run.send("go")
with podium.App("copy.db", options=podium.Options(poll=0.05)) as app:
    runs = list(podium.runs())
    drivable = [run for run in runs if app.load(run.id).function in app.functions]
    deadline = time.monotonic() + 20
    while not all(run.state.is_settled for run in drivable) and time.monotonic() < deadline:
        time.sleep(0.02)
    print(json.dumps({run.id: run.state for run in runs}))
"""


class Change(NamedTuple):
    """An edit of the code, and what becomes of runs that stopped at each place: foretold, and true."""

    edit: Callable[[str], str]
    foretold: tuple[str, ...]
    happens: tuple[str, ...]


def _replace(*pairs: tuple[str, str]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return text

    return edit


GOES, PARKS, FAILS = "goes on", "would park", "would fail"
WELL, PARKED = "succeeded", "parked"
CHANGES = {
    "nothing": Change(_replace(), (GOES,) * 3, (WELL,) * 3),
    "a task renamed": Change(_replace(("two", "deux")), (GOES, PARKS, PARKS), (WELL, PARKED, PARKED)),
    "a task moved to another file": Change(
        _replace(("@task\nasync def three(n: int) -> int:\n    return n * 3\n", "from other import three\n")),
        (GOES,) * 3,
        (WELL,) * 3,
    ),
    "two steps in another order": Change(
        _replace(("a = await one(1)", "b = await two(1)"), ("b = await two(a)", "a = await one(b)")),
        (PARKS,) * 3,
        (PARKED,) * 3,
    ),
    "a step removed": Change(
        _replace(("b = await two(a)", "b = a * 2")), (GOES, PARKS, PARKS), (WELL, PARKED, PARKED)
    ),
    "a step inserted before all": Change(
        _replace(("    a = await one(1)", "    await three(0)\n    a = await one(1)")),
        (PARKS,) * 3,
        (PARKED,) * 3,
    ),
    "a step inserted at the end": Change(
        _replace(("return a + b + c", "return a + b + await one(c)")), (GOES,) * 3, (WELL,) * 3
    ),
    "another signature of a task": Change(
        _replace(("two(n: int)", "two(n: int, factor: int)"), ("two(a)", "two(a, 2)")),
        (GOES, PARKS, PARKS),
        (WELL, PARKED, PARKED),
    ),
    "another signature of the workflow": Change(
        _replace(("flow(stop: int)", "flow(stop: int, customer: str)")), (PARKS,) * 3, (PARKED,) * 3
    ),
    "another result type": Change(
        _replace(
            ("two(n: int) -> int:\n    return n * 2", "two(n: int) -> list[int]:\n    return [n * 2]"),
            ("three(b)", "three(b[0])"),
            ("a + b + c", "a + c"),
        ),
        (GOES, PARKS, PARKS),
        (WELL, PARKED, PARKED),
    ),
    "a body that raises": Change(
        _replace(("    await gate(stop, 1)", "    await gate(stop, 1 // 0)")),
        (FAILS, PARKS, PARKS),
        ("failed", PARKED, PARKED),
    ),
    "a syntax error": Change(
        _replace(("return a + b + c", "return a +")), ("code broken",) * 3, ("not driven",) * 3
    ),
    "an import that fails": Change(
        _replace(("import podium\n", "import podium\nimport no_such_package\n")),
        ("code broken",) * 3,
        ("not driven",) * 3,
    ),
    "the workflow renamed": Change(
        _replace(("def flow(", "def journey(")), ("function gone",) * 3, ("waiting",) * 3
    ),
}


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 30 runs that wait in the middle, ten at each place."""
    project = tmp_path_factory.mktemp("paused")
    (project / ".podium").mkdir()
    (project / "flows.py").write_text(FLOWS)
    ran(project, BEGIN)
    return project


def ran(project: Path, program: str) -> str:
    done = forkserver.run(
        [sys.executable, "-c", program], cwd=project, timeout=60,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def on_record(project: Path) -> list[tuple[Any, Any]]:
    with App(project / "podium.db", drives="nothing") as app:
        return [(row, app.history(row.id)) for row in app.find(Query())]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_check_foretells_what_happens(paused: Path, tmp_path: Path, change: Change) -> None:
    for name in ("podium.db", "copy.db"):
        shutil.copy(paused / "podium.db", tmp_path / name)
    (tmp_path / ".podium").mkdir()
    (tmp_path / "other.py").write_text(FLOWS)
    (tmp_path / "flows.py").write_text(change.edit(FLOWS))
    before = on_record(tmp_path)
    told, code, *happened = map(json.loads, ran(tmp_path, GO_ON).splitlines())
    assert {run["id"]: run["outcome"] for run in told["runs"]} == by_run(change.foretold)
    is_well = set(change.foretold) == {GOES}
    assert (code, told["well"]) == ((0, True) if is_well else (8, False))
    assert (happened[0] if happened else by_run(("not driven",) * 3)) == by_run(change.happens)
    assert on_record(tmp_path) == before, "a check writes nothing"
    if "would park" in change.foretold:
        assert all(
            run["line"] or run["what"].partition("flows.py:")[1] for run in told["runs"] if run["what"]
        )


def test_the_command_says_step_line_and_way_out(
    paused: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("podium.db", "flows.py"):
        shutil.copy(paused / name, tmp_path / name)
    (tmp_path / ".podium").mkdir()
    code = (tmp_path / "flows.py").read_text()
    (tmp_path / "flows.py").write_text(CHANGES["a step removed"].edit(code))
    said = podium("check", "flows", "id:r1", "--store", "podium.db")
    assert said.returncode == 8
    line = code.splitlines().index("    c = await three(b)") + 1
    text = said.stdout + said.stderr
    assert f"flows.py:{line}: this code asks for three() (call 1 in the body), but the run recorded" in text
    assert "podium resume r1-3 --store " in text, text
    assert "3 runs checked: 2 would park, 1 goes on" in text
    assert podium("check", "flows.py", "id:r1", "-q", "--store", "podium.db").stdout == "r1-3\nr1-2\n"
    alone = podium("check", "r1-1", "--store", "podium.db")
    assert (alone.returncode, alone.stdout) == (0, "✔ goes on  r1-1  flow (waiting)\n")
    assert podium("check", "nobody", "--store", "podium.db").returncode == 3


def by_run(at_stop: tuple[str, ...]) -> dict[str, Any]:
    return {f"r{n}-{stop}": at_stop[stop - 1] for n in range(10) for stop in (1, 2, 3)}


NO_GUARD = """
from pathlib import Path
from podium import ask, task, workflow

@task
def pay(n: int) -> int:
    with open("paid", "a") as paid:
        paid.write(f"{n}\\n")
    return n

@workflow
def flow(n: int) -> int:
    return pay(n)

@workflow
async def asks(n: int) -> int:
    return await ask("how much more?", int) + pay(n)

asks.start(2)
print(flow.run(1))
"""
LOADING = {
    "check": ("check", "script", "--last", "10"),
    "check a file": ("check", "script.py", "--last", "10"),
    "check a run": ("check", "{run}"),
    "resume": ("resume", "{run}"),
    "retry": ("retry", "{done}", "--yes"),
    "fork": ("fork", "{done}", "--at", "pay"),
    "run": ("run", "script.py:flow", "--", "--n", "7"),
    "run a module": ("run", "script:flow", "--", "--n", "7"),
}


@pytest.mark.parametrize("how", LOADING)
def test_no_command_runs_a_script_that_it_only_needs_the_code_of(how: str, tmp_path: Path) -> None:
    """A script without a guard starts its runs when it is imported: it paid again."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "script.py").write_text(NO_GUARD)
    script = [sys.executable, "script.py"]
    first = forkserver.run(script, cwd=tmp_path, capture_output=True, text=True)
    assert first.stdout == "1\n", first.stderr
    before = _on_record(tmp_path)
    assert sorted(state for state, _ in before.values()) == ["succeeded", "waiting"]
    names = {"run": "", "done": ""}
    for id, (state, _) in before.items():
        names["done" if state == "succeeded" else "run"] = id
    command = [each.format(**names) for each in LOADING[how]]
    ran = forkserver.run(
        [sys.executable, "-m", "podium", *command], cwd=tmp_path, capture_output=True, text=True
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode != 0, said
    assert "E120" in said
    assert "starts runs when it is imported" in said
    assert "script.py:" in said
    assert (tmp_path / "paid").read_text().split() == ["1"]
    assert _on_record(tmp_path) == before


def _on_record(folder: Path) -> dict[str, tuple[str, int]]:
    with App(folder / ".podium" / "podium.db", drives="nothing") as app:
        return {row.id: (str(row.state), row.entries) for row in app.find(Query())}
