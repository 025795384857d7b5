"""Code that changes under runs: what still fits goes on, the rest is parked in words, and nothing is torn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from podium.model import Query, Reason, RunRow, State, read_engine_info, read_reason
from tests import forkserver
from tests.processes.support import Host
from tests.waiting import until

# Every workflow rests in the middle; the lines that change later are marked.
BEFORE = """
import asyncio
from podium import task, workflow

@task
def add(n: int, more: int = 0) -> int:
    return n + 1 + more

@task
def double(n: int) -> int:
    return n * 2

async def rest() -> None:
    await asyncio.sleep(6)

@workflow
async def same(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def renamed(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def reordered(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def removed(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def shortened(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def inserted(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def extended(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def called(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@workflow
async def signed(n: int) -> int:
    n = add(n)
    n = double(n)
    await rest()
    return add(n)

@task
def typed_task(n: int) -> int:
    return n + 1

@workflow
async def typed(n: int) -> int:
    n = typed_task(n)
    n = double(n)
    await rest()
    return add(n)
"""

BODY = "    n = add(n)\n    n = double(n)\n    await rest()\n    return add(n)\n"


def changed(source: str, workflow: str, body: str) -> str:
    """The module with another body for one workflow."""
    head = f"async def {workflow}(n: int) -> int:\n"
    assert head + BODY in source
    return source.replace(head + BODY, head + body)


def after() -> str:
    source = BEFORE
    source = changed(source, "renamed", BODY.replace("double(n)", "twice(n)"))
    source += "\n@task\ndef twice(n: int) -> int:\n    return n * 2\n"
    source = changed(
        source, "reordered", "    n = double(n)\n    n = add(n)\n    await rest()\n    return add(n)\n"
    )
    source = changed(source, "removed", "    n = add(n)\n    await rest()\n    return add(n)\n")
    source = changed(source, "shortened", "    return add(n)\n")
    source = changed(source, "inserted", f"    add(n)\n{BODY}")
    source = changed(source, "extended", BODY.replace("return add(n)", "n = double(n)\n    return add(n)"))
    source = changed(source, "called", BODY.replace("n = add(n)\n", "n = add(n, more=1)\n", 1))
    source = source.replace(
        "async def signed(n: int) -> int:\n", "async def signed(number: int) -> int:\n    n = number\n"
    )
    return source.replace(
        "def typed_task(n: int) -> int:\n    return n + 1",
        "def typed_task(n: int) -> str:\n    return str(n + 1)",
    )


PARKED = {  # workflow -> the code of the reason, and a word of it
    "renamed": ("E204", "twice"),
    "reordered": ("E204", "double"),
    "removed": ("E204", "double"),
    "shortened": ("E204", "returned"),
    "inserted": ("E204", "add"),
    "called": ("E204", "add"),
    "signed": ("E101", "'n'"),
    "typed": ("E202", "typed_task"),
}
GOES_ON = {"same": lambda n: (n + 1) * 2 + 1, "extended": lambda n: (n + 1) * 4 + 1}


EACH = 20  # runs of each workflow: 200 in all


def rests(host: Host, run: str) -> bool:
    return host.app.load(run).state is State.WAITING


def test_changed_code_goes_on_or_parks_in_words_and_reverting_completes_all(host: Host) -> None:
    host.write("app", BEFORE)
    host.write("side", BEFORE)
    worker = host.worker("app", "side")
    runs = {
        (workflow, n): host.start(f"app:{workflow}", n=n)
        for workflow in (*PARKED, *GOES_ON)
        for n in range(EACH)
    }
    held = host.start("side:same", n=3)
    for run in (*runs.values(), held):
        until(lambda run=run: rests(host, run))
    worker.terminate()
    assert worker.end() == 0

    host.write("app", after())
    host.write("side", f"{BEFORE}\nimport not_there\n")
    worker = host.worker("app", "side")
    assert (
        "error[E120]: side cannot be loaded: ModuleNotFoundError: No module named 'not_there'" in worker.text
    )
    assert f"side.py:{len(BEFORE.splitlines()) + 2}" in worker.text
    for (workflow, n), run in runs.items():
        if workflow in GOES_ON:
            assert host.ended(run) == GOES_ON[workflow](n)
        else:
            code, word = PARKED[workflow]
            reason = read_reason(host.ended(run, State.PARKED))
            assert (reason.code, word in told(reason)) == (code, True), reason
            assert reason.what.startswith("app.py:"), "the line comes first"
    assert rests(host, held), "a broken module holds its runs"
    assert worker.process.poll() is None
    assert all(row(host, run).lost == 0 for run in runs.values())
    (engine,) = host.app.store.engines()
    assert "not_there" in read_engine_info(engine.info).broken["side"]
    worker.terminate()
    assert worker.end() == 0

    host.write("app", BEFORE)
    host.write("side", BEFORE)
    worker = host.worker("app", "side")
    for (workflow, n), run in runs.items():
        if workflow in PARKED:
            host.app.resume(run).result()
            assert host.ended(run) == GOES_ON["same"](n)
    assert host.ended(held) == GOES_ON["same"](3)


def told(reason: Reason) -> str:
    return f"{reason.what} {reason.expected} {reason.found}"


def row(host: Host, run: str) -> RunRow:
    return host.app.load(run)


def test_a_worker_whose_only_module_is_broken_waits_until_it_is_mended(host: Host) -> None:
    """Under a supervisor it would be started again and again."""
    host.write("side", "import not_there")
    run = host.start("side:same", n=1)
    worker = host.worker("side", ready=False)
    worker.until("serves nothing yet: side cannot be imported, and is tried again")
    (engine,) = until(lambda: host.app.store.engines())
    assert "not_there" in read_engine_info(engine.info).broken["side"]
    host.write("side", BEFORE)
    assert host.ended(run) == 5
    assert "serves side now" in worker.text
    worker.terminate()
    assert worker.end() == 0


def test_a_worker_none_of_whose_modules_exists_says_so_and_ends(host: Host) -> None:
    worker = host.worker("no_such_module", ready=False)
    assert worker.end() == 7
    assert "none of these modules exists" in worker.text


def test_a_broken_module_is_mended_without_a_restart(host: Host) -> None:
    host.write("app", BEFORE)
    host.write("side", f"{BEFORE}\nraise RuntimeError('not yet')\n")
    worker = host.worker("app", "side")
    assert "without side until mended" in worker.text
    held = host.start("side:same", n=1)
    assert host.ended(host.start("app:same", n=1)) == 5
    assert host.app.load(held).state is State.QUEUED
    host.write("side", BEFORE)
    worker.until("serves side now")
    assert host.ended(held) == 5
    until(lambda: not read_engine_info(host.app.store.engines()[0].info).broken)
    assert worker.text.count("E120") == 1, "said once, not at each try"


def test_a_module_that_starts_runs_when_imported_is_told_so_and_does_not_hold_the_worker(host: Host) -> None:
    source = "from podium import workflow\n\n\n@workflow\ndef flow() -> int:\n    return 1\n\n\n"
    host.write("eager", f"{source}print(flow.run())\n")
    worker = host.worker("eager", ready=False)
    worker.until("eager starts runs when it is imported")
    worker.terminate()  # it waits until the module is mended
    assert worker.end() == 0
    assert "eager.py:9  print(flow.run())" in worker.text
    assert 'if __name__ == "__main__":' in worker.text
    host.write("late", "raise RuntimeError")
    worker = host.worker("tests.processes.flows", "late")
    host.write("late", f"{source}flow.start()\n")  # while it serves others
    worker.until("late starts runs when it is imported")
    assert host.app.find(Query()) == []


VERSION = """
import asyncio, os
from podium import task, workflow

@task
def place() -> str:
    return os.path.basename(os.getcwd())

@workflow
async def flow() -> list[str]:
    first = place()
    await asyncio.sleep(1.2)
    return [first, "{name}", place()]
"""


@pytest.mark.parametrize("leaves", ["killed", "stopped"])
def test_two_versions_side_by_side_each_keep_their_runs(host: Host, leaves: str, tmp_path: Path) -> None:
    workers = {}
    for name in ("blue", "green"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "app.py").write_text(VERSION.format(name=name), encoding="utf-8")
        workers[name] = host.worker("app", folder=folder)
    code = {name: until(lambda pid=worker.pid: offered(host, pid)) for name, worker in workers.items()}
    assert code["blue"] != code["green"]
    runs = [(name, host.start("app:flow", code[name])) for name in ("blue", "green") * 3]
    for name, run in runs:
        assert host.ended(run) == [name, name, name]
    # When nobody has its code any more, whoever is there tries; what was decided before stays.
    run = host.start("app:flow", code["blue"])
    until(lambda: rests(host, run))
    if leaves == "killed":
        workers["blue"].kill()
    else:
        workers["blue"].terminate()
        workers["blue"].end()
    assert host.ended(run) == ["blue", "green", "green"]


def test_who_resumes_a_run_with_mended_code_gets_it_although_the_old_code_is_still_there(host: Host) -> None:
    effect = BEFORE.replace(
        "async def same(n: int) -> int:\n", "async def same(n: int) -> int:\n    open('x', 'w')\n"
    )
    host.write("app", effect)
    host.worker("app")
    run = host.start("app:same", n=1)
    assert read_reason(host.ended(run, State.PARKED)).code == "E130"
    host.write("app", BEFORE)
    resumed = forkserver.run(
        [sys.executable, "-m", "podium", "resume", run],
        cwd=host.folder,
        env={**os.environ, "PODIUM_URL": host.url, "LEDGER": str(host.ledger)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (resumed.stdout, resumed.returncode) == ("5\n", 0), resumed.stderr


def offered(host: Host, pid: int) -> str:
    found = {row.pid: row.functions for row in host.app.store.engines()}
    return found[pid].get("app:flow", "")
