"""The thread-pool program with its import changed: its lines, its time, and what a kill costs."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests import forkserver

ROOT = Path(__file__).parents[2]
HERE = ROOT / "examples" / "hello_orchestrator"
LINES = {f"Task {number} completed" for number in range(1, 6)}


def run(project: Path, *options: str, where: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PODIUM_URL": str(project / "runs.db"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "examples.hello_orchestrator", *options]
    return forkserver.run(command, cwd=where, env=environment, text=True, capture_output=True, timeout=60)


def bodies(*outputs: str) -> Counter[str]:
    return Counter(re.findall(r"working on (\d+)", "".join(outputs)))  # two threads print, also on one line


def test_five_tasks_of_a_second_give_their_five_lines_in_about_a_second(project: Path) -> None:
    began = time.monotonic()
    done = run(project, "--workers", "5")
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"Task \d completed", done.stdout)) == LINES
    assert set(bodies(done.stdout).values()) == {1}
    assert time.monotonic() - began < 5, "not one after the other"


def test_killed_at_three_done_it_runs_two_more_bodies(project: Path) -> None:
    # One at a time, so that exactly three are done and a fourth is in flight.
    killed = run(project, "--workers", "1", "--seconds", "0.2", "--die-after", "3")
    assert killed.returncode == -signal.SIGKILL
    began = set(bodies(killed.stdout))
    again = run(project, "--workers", "1", "--seconds", "0.2")
    assert again.returncode == 0, again.stderr
    assert set(re.findall(r"Task \d completed", again.stdout)) == LINES
    assert set(bodies(again.stdout)) == {"4", "5"}, "only what had no result"
    assert began <= {"1", "2", "3", "4"}
    assert "3 results" in again.stderr


def test_it_goes_on_also_when_it_is_run_in_a_folder_that_is_not_its_project(project: Path) -> None:
    run(project, "--workers", "1", "--seconds", "0.05", "--die-after", "3", where=project)
    again = run(project, "--workers", "1", "--seconds", "0.05", where=project)
    assert set(bodies(again.stdout)) == {"4", "5"}
    assert "3 results" in again.stderr


def test_the_block_that_has_ended_begins_anew(project: Path) -> None:
    for _ in range(2):
        done = run(project, "--seconds", "0.01")
        assert sum(bodies(done.stdout).values()) == 5
        assert "results" not in done.stderr


def test_only_the_import_tells_it_from_the_plain_program() -> None:
    source = (HERE / "orchestrator.py").read_text()
    plain = source.replace(
        "from podium import Executor", "from concurrent.futures import ThreadPoolExecutor as Executor"
    )
    changed = [(a, b) for a, b in zip(source.splitlines(), plain.splitlines(), strict=True) if a != b]
    assert len(changed) == 1
    results: list[str] = []
    space = {"__name__": "examples.hello_orchestrator.plain", "__package__": "examples.hello_orchestrator"}
    exec(compile(plain, "plain", "exec"), space)
    space["orchestrate"](range(1, 6), 0.01, 5, results.append)
    assert set(results) == LINES


def test_the_worker_knows_nothing_of_podium() -> None:
    tree = ast.parse((HERE / "worker.py").read_text())
    imported = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    } | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(name.startswith("podium") for name in imported)
