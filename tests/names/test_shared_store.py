"""Two programs that share a store do not take each other's runs, though their functions have one name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests import forkserver
from tests.waiting import until

FLOWS = """
import os, sys
from podium import task, workflow

@task
def act(customer: str) -> str:
    with open({ledger!r}, "a") as ledger:
        ledger.write(f"{verb} {{customer}}\\n")
    return customer

@workflow
def flow(customer: str) -> str:
    return act(customer)
"""
PODIUM = ["-m", "podium"]


class Shared:
    """Two folders with a `main.py` each, and one store beside neither of them."""

    def __init__(self, home: Path, mark: str) -> None:
        self.home, self.ledger = home, home / "ledger"
        self.environment: dict[str, str] = {}
        for verb in ("bills", "deletes"):
            (home / verb).mkdir()
            text = FLOWS.format(ledger=str(self.ledger), verb=verb)
            (home / verb / "main.py").write_text(text)
            if mark:
                (home / verb / "pyproject.toml").write_text(mark.format(verb=verb))
        (home / "stores").mkdir()
        self._workers: list[subprocess.Popen[str]] = []

    def start(
        self, *command: str, cwd: str, stdout: int | IO[str] = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        env = {**os.environ, "PODIUM_URL": str(self.home / "stores" / "s.db"), **self.environment}
        return forkserver.Popen(
            [sys.executable, *command], cwd=self.home / cwd, env=env, text=True,
            stdout=stdout, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *command: str, cwd: str) -> str:
        return self.start(*command, cwd=cwd).communicate(timeout=60)[0]

    def put(self, cwd: str, customer: str) -> str:
        """Puts a run in line; its id."""
        return self.run(
            *PODIUM, "run", "-q", "--detach", "main.py:flow", "--", "--customer", customer, cwd=cwd
        ).strip()

    def serve(self, cwd: str) -> None:
        with open(self.home / "said", "a") as said:
            self._workers.append(self.start(*PODIUM, "worker", "main.py", cwd=cwd, stdout=said))

    def said(self) -> str:
        """What workers have said."""
        return (self.home / "said").read_text()

    def done(self) -> list[str]:
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def until(self, condition: Callable[[], bool]) -> None:
        until(condition, self.done, seconds=40)

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()


@pytest.fixture(
    params=["", "[project]\nname = '{verb}'\n", "# only a mark\n"], ids=["bare", "named", "marked"]
)
def shared(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shared]:
    shared = Shared(tmp_path, request.param)
    yield shared
    shared.close()


def test_a_run_goes_to_its_own_files_code_alone(shared: Shared) -> None:
    waiting = shared.put("bills", "customer-1")
    shared.serve("deletes")
    shared.put("deletes", "customer-2")
    shared.until(lambda: "deletes customer-2" in shared.done())
    assert shared.done() == ["deletes customer-2"]
    why = shared.run(*PODIUM, "why", waiting, cwd="deletes")
    assert "undriven" in why
    assert "bills" in why
    assert "deletes" in why
    doctor = shared.run(*PODIUM, "doctor", "--quick", cwd="deletes")
    assert "1 run of main:flow due" in doctor
    assert "what live engines have by that name is not" in doctor
    assert f"podium resume {waiting}" in doctor
    assert "podium worker main, or" not in doctor
    shared.until(lambda: "1 other run waits" in shared.said())
    shared.serve("bills")
    shared.until(lambda: "bills customer-1" in shared.done())


def test_who_names_the_run_means_it(shared: Shared) -> None:
    run = shared.put("bills", "customer-1")
    assert "customer-1" in shared.run(*PODIUM, "resume", run, cwd="bills")
    assert shared.done() == ["bills customer-1"]


def test_two_folders_that_the_environment_calls_one_project_share_their_runs(shared: Shared) -> None:
    shared.environment = {"PODIUM_PROJECT": "shop"}
    shared.put("bills", "customer-1")
    shared.serve("deletes")
    shared.until(lambda: shared.done() == ["deletes customer-1"])


def test_a_project_that_cannot_be_called_so_is_refused(shared: Shared) -> None:
    shared.environment = {"PODIUM_PROJECT": "two words"}
    said = shared.run(*PODIUM, "run", "main.py:flow", "--", "--customer", "x", cwd="bills")
    assert "PODIUM_PROJECT='two words' is no project's name" in said
    assert "one word" in said
    assert shared.done() == []
