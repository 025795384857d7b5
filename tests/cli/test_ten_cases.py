"""Errors as people meet them, each with the exact shape: what, where, why, and one thing to do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import as_json, place, podium, write_app

CASES = """
from pathlib import Path
from podium import Retry, task, workflow

@task(retries=Retry(times=1, wait=0.01, jitter=False))
def hi(n: int) -> int:
    raise ValueError("boom")

@task(retries=Retry(times=5, wait=0.01))
def stubborn(n: int) -> int:
    raise ValueError("boom")

@task
def interrupted() -> None:
    raise KeyboardInterrupt

@task
def local() -> None:
    class Odd(Exception):
        pass
    raise Odd("strange")

@task
def open_report() -> dict:
    return {"rows": 3, "log": open("app.py")}

@task
def fetch(n: int) -> int:
    return n

@task
def mail(n: int) -> int:
    return n

@workflow
def greets() -> int:
    return hi(1)

@workflow
def tries() -> int:
    return stubborn(1)

@workflow
def stops() -> None:
    interrupted()

@workflow
def oddly() -> None:
    local()

@workflow
def reports() -> dict:
    return open_report()

@workflow
def sends(city: str = "Oslo", days: int = 7) -> int:
    import podium
    first = fetch(1)
    podium.sleep(0.6)
    return first

@workflow
def reads() -> str:
    return open("app.py").read()

@workflow
def rests() -> None:
    import podium
    podium.sleep(3600)
"""

RAISES = 'raise ValueError("boom")'


@pytest.fixture(autouse=True)
def _app(project: Path) -> None:
    write_app(project, CASES)


def line(source: str) -> str:
    return f"{place(source, CASES)}  {source}"


def test_1_a_step_that_fails_for_good() -> None:
    ran = podium("run", "app:greets")
    run = as_json("show", "@last")["id"]
    told = ran.stderr.splitlines()[-9:]
    told = told[told.index("✖ hi failed after 2 tries: ValueError: boom") :]
    assert [re.sub(r"\d+ (ms|podium)", r"N \1", text) for text in told] == [
        "✖ hi failed after 2 tries: ValueError: boom",
        f"  {line(RAISES)}",
        f"  {line('return hi(1)')}",
        "  … N podium frames (PODIUM_TRACE=1)",
        "  in hi(n=1)",
        "  try 1 ValueError: boom · try 2 same · not tried again",
        f"✖ failed in N ms · 1 step on record · 1 retry · {run}",
        f"mend the code, then: podium retry {run}",
    ]
    assert len(ran.stderr.splitlines()) <= 12
    assert ran.returncode == 1


def test_1_the_users_line_is_not_pushed_away_by_many_tries() -> None:
    ran = podium("run", "app:tries")
    told = ran.stderr.splitlines()
    headline = told.index("✖ stubborn failed after 6 tries: ValueError: boom")
    assert [line.partition(" in ")[0] for line in told[:headline] if "stubborn" in line] == [
        "◍ stubborn(n=1) try 2",  # of the others the summary tells
        "✖ stubborn(n=1): ValueError: boom",
    ]
    assert told[headline + 1].startswith("  app.py:")
    assert told[headline + 1].endswith(RAISES)
    summary = "  try 1 ValueError: boom · try 2 same · … 3 more · try 6 same · not tried again"
    assert told.count(summary) == 1
    assert len(told) <= 12


@pytest.mark.parametrize(
    ("workflow", "headline", "source"),
    [
        ("stops", "✖ interrupted failed: KeyboardInterrupt", "raise KeyboardInterrupt"),
        ("oddly", "✖ local failed: local.<locals>.Odd: strange", 'raise Odd("strange")'),
    ],
)
def test_1_a_step_is_named_whatever_it_raised(workflow: str, headline: str, source: str) -> None:
    ran = podium("run", f"app:{workflow}").stderr.splitlines()
    for told in (ran, *(podium(verb, "@last").stdout.splitlines() for verb in ("show", "why"))):
        at = told.index(headline)
        assert told[at + 1] == f"  {line(source)}"


def test_2_an_unknown_run() -> None:
    run = podium("run", "app:rests", "--detach").stdout.strip()
    ran = podium("show", run[:-1] + "?")
    assert ran.returncode == 3
    first, fix = ran.stderr.splitlines()
    assert first.startswith(f"error[E301]: no run begins or ends with '{run[:-1]}?' in sqlite:///")
    other = "another store? --store URL, or PODIUM_URL"
    assert re.sub(r"\d s ago", "just now", fix) == f"  nearest: {run} (rests, ◌ queued, just now) · {other}"


def test_3_a_result_that_cannot_be_saved() -> None:
    ran = podium("run", "app:reports")
    told = ran.stderr.splitlines()[2:]
    assert told[:3] == [
        '✖ open_report failed: E112: open_report result["log"] is an open file (TextIOWrapper)',
        "  return the path or its bytes",
        f"  {line('return open_report()')}",
    ]
    assert "podium retry" in told[-1]
    assert ran.returncode == 1


def test_4_code_that_changed_under_a_waiting_run(project: Path) -> None:
    assert podium("run", "app:sends", "--wait", "0.2").returncode == 6
    write_app(project, CASES.replace("first = fetch(1)", "first = mail(1)"))
    ran = podium("resume", "@last")
    at = place("first = mail(1)", CASES.replace("first = fetch(1)", "first = mail(1)"))
    told = podium("why", "@last").stdout.splitlines()
    run = as_json("show", "@last")["id"]
    assert ran.returncode == 1
    assert told[0] == f"⏸ parked  sends  {run}"
    assert told[1].startswith(f"  E204: {at}: this code asks for mail()")
    assert told[2].startswith("  on record: fetch()")
    assert told[3].startswith("  now asked: mail()")
    assert told[3].endswith(at)
    assert told[4].startswith("  bring the recorded call back")
    assert told[5:] == [f"next: podium resume {run}"]


def test_5_an_effect_in_a_body() -> None:
    ran = podium("run", "app:reads")
    at = place('return open("app.py").read()', CASES)
    run = as_json("show", "@last")["id"]
    told = ran.stderr.splitlines()[-3:]
    again = "opening 'app.py' in a workflow would happen again on every resume; move this into a task"
    assert told == [
        f"  E130: {at}: {again}",
        "  move it into a @task, then resume the run",
        f"then: podium resume {run}",
    ]


HOLDS = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only there the system says who holds a lock")
def test_7_a_store_that_somebody_holds(project: Path) -> None:
    run = podium("run", "app:rests", "--detach").stdout.strip()
    (project / "holds.py").write_text(HOLDS)
    file = project / ".podium" / "podium.db"
    with subprocess.Popen(
        [sys.executable, "holds.py", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        ran = podium("cancel", run)
        holder.communicate()
    assert ran.returncode == 5
    waiting, first, fix = ran.stderr.splitlines()
    who = f"process {holder.pid} ({sys.executable} holds.py {file})"[:90]
    assert waiting.startswith(f"podium: waiting for the store: process {holder.pid} (")
    assert first.startswith(f"error[E501]: {who[:60]}")
    assert f"held the write lock of {file}" in first
    assert fix == "  runs are safe and go on when it lets go"
    assert podium("cancel", run).returncode == 0


def test_8_a_module_that_is_broken(project: Path) -> None:
    write_app(project, "x = 1\nimport polars_is_not_here\n")
    ran = podium("run", "app:greets")
    assert ran.returncode == 2
    first, second, *folded, fix = ran.stderr.splitlines()
    assert first == (
        "error[E120]: app cannot be loaded: ModuleNotFoundError: No module named 'polars_is_not_here'"
    )
    assert second == "  app.py:2  import polars_is_not_here"
    assert len(folded) <= 1
    assert fix == "  install polars_is_not_here, or run this where it can be found"


def test_8_a_declaration_that_is_wrong_names_its_line(project: Path) -> None:
    write_app(project, "from podium import Retry\nr = Retry(wait=600)\n")
    first, second, *_ = podium("run", "app:greets").stderr.splitlines()
    assert first.startswith("error[E120]: app cannot be loaded: UsageError: Retry(wait=600)")
    assert second == "  app.py:2  r = Retry(wait=600)"


def test_9_nothing_moves_and_it_is_said_why() -> None:
    run = podium("run", "app:rests", "--detach").stdout.strip()
    assert podium("why", run).stdout.splitlines() == [
        f"◌ queued  rests  {run}",
        "  undriven: no engine is alive; whoever drives it needs app:rests",
        f"next: podium resume {run}  drives it here",
    ]


def test_10_a_wrong_input_stores_nothing() -> None:
    ran = podium("run", "app:sends", "--", "--days", "seven")
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        'error[E101]: sends(days=...) wants int, got "seven" (--days)',
        "  sends(city: str = 'Oslo', days: int = 7) -> int",
    ]
    assert as_json("runs")["runs"] == []


def test_an_error_without_a_traceback_of_ours_has_one_on_request() -> None:
    plain = podium("show", "nosuch")
    traced = podium("show", "nosuch", PODIUM_TRACE="1")
    assert "Traceback" not in plain.stderr
    assert "lookup.py" in traced.stderr
