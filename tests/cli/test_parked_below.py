"""A run whose children are parked, too: whoever looks at it, or resumes it, reads what it will wait for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import forkserver
from tests.cli.support import PODIUM, environment, podium, write_app
from tests.waiting import until

FAMILY = """
import asyncio
from podium import workflow

@workflow
async def opens(n: int) -> int:
    open("ledger").close()  # spoiled
    return n

@workflow
async def middle(n: int) -> int:
    return sum(await asyncio.gather(*[opens.options(id=f"below-{i}").start(i) for i in range(n)]))

@workflow
async def top() -> int:
    runs = [middle.options(id="middle").start(4), opens.options(id="beside").start(5)]
    runs += [opens.options(id=f"beside-{n}").start(n) for n in range(2)]
    return sum(await asyncio.gather(*runs))

@workflow
async def above() -> int:
    return await middle(1)

@workflow
async def sleeps() -> None:
    await asyncio.sleep(3600)

@workflow
async def waits() -> None:
    await sleeps.options(id="slow").start()
"""


def are_parked(count: int) -> bool:
    return len(podium("runs", "-q", "status:parked").stdout.split()) == count


def park(project: Path, top: str, count: int, *paused: str) -> Path:
    """The project, a family with so many that park by themselves, and these, and its code mended."""
    write_app(project, FAMILY)
    with forkserver.Popen(
        [*PODIUM, "worker", "app"], stderr=subprocess.PIPE, text=True, env=environment()
    ) as worker:
        try:
            podium("run", f"app:{top}", "--detach", "--id", "top")
            until(lambda: are_parked(count))
            for run in paused:
                podium("pause", run)
            until(lambda: are_parked(count + len(paused)))
        finally:
            worker.kill()
    write_app(project, FAMILY.replace('open("ledger").close()', "pass"))
    return project


@pytest.fixture
def family(project: Path) -> Path:
    """All of one parked."""
    return park(project, "top", 7, "top", "middle")


def also_said(text: str) -> str:
    """The line about what is parked below a run, or ""."""
    return next((line.strip() for line in text.splitlines() if "also parked" in line), "")


def test_why_and_resume_say_what_is_parked_below_a_run(family: Path) -> None:
    said = also_said(podium("why", "top").stdout)
    assert said.startswith("also parked, below it: ")
    assert said.endswith(" and 5 more; podium resume root:top  puts them back in line")
    middle = also_said(podium("why", "middle").stdout)
    assert middle.endswith(" and 1 more; podium resume parent:middle  puts them back in line")
    assert {word for word in middle.split() if word.startswith("be") and "-" in word} <= {
        f"below-{n}" for n in range(4)
    }
    assert also_said(podium("why", "beside").stdout) == ""
    assert also_said(podium("resume", "middle", "--detach").stderr) == middle


def test_the_command_that_is_named_lets_the_whole_family_go_on(family: Path) -> None:
    assert podium("resume", "root:top", "--yes").returncode == 0
    resumed = podium("resume", "top")
    assert (resumed.stdout, resumed.returncode) == ("12\n", 0), resumed.stderr
    assert also_said(resumed.stderr) == ""


def test_the_command_for_those_that_a_run_has_started_takes_these_and_no_others(family: Path) -> None:
    assert podium("resume", "parent:middle", "--yes").returncode == 0
    left = {"top", "middle", "beside", "beside-0", "beside-1"}
    assert set(podium("runs", "-q", "status:parked").stdout.split()) == left


def test_who_follows_a_run_that_waits_for_parked_ones_reads_of_them_at_once(family: Path) -> None:
    with forkserver.Popen(
        [*PODIUM, "resume", "top"], stderr=subprocess.PIPE, text=True, env=environment()
    ) as resumed:
        try:
            assert resumed.stderr is not None
            assert also_said(resumed.stderr.readline())
        finally:
            resumed.kill()


def test_who_drives_a_run_that_waits_for_others_reads_for_which_and_that_one_is_parked(
    project: Path, tmp_path: Path
) -> None:
    park(project, "above", 1)
    told = tmp_path / "told"
    with (
        told.open("w") as stderr,
        forkserver.Popen([*PODIUM, "resume", "top"], stderr=stderr, text=True, env=environment()) as resumed,
    ):
        try:
            until(lambda: "podium why below-0\n" in told.read_text())
        finally:
            resumed.kill()
    assert "waiting for run below-0 (opens), which is parked: podium why below-0" in told.read_text()
    assert "for a message" not in told.read_text()
    assert (
        "it waits for run below-0 (opens), which is parked: podium why below-0" in podium("why", "top").stdout
    )
    with forkserver.Popen(
        [*PODIUM, "run", "app:waits", "--id", "waits"], stderr=subprocess.PIPE, text=True, env=environment()
    ) as run:
        try:
            assert run.stderr is not None
            said = next(line for line in run.stderr if "waiting" in line)
        finally:
            run.kill()
    assert said == "◌ waiting for run slow (sleeps)\n"


def test_a_parked_run_far_below_one_that_waits_for_it_says_why_and_is_resumed(project: Path) -> None:
    park(project, "above", 1)
    why = podium("why", "below-0")
    assert "podium resume below-0" in why.stdout, why.stderr
    assert also_said(why.stdout) == ""
    resumed = podium("resume", "below-0")
    assert (resumed.stdout, resumed.returncode) == ("0\n", 0), resumed.stderr
