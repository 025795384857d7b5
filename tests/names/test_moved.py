"""Runs whose file or function was renamed, and scripts that are started elsewhere: what is told, and what the
told command does. Real processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from podium import App
from podium.model import Query
from tests.names.support import MAIL, Place
from tests.waiting import until

PODIUM = ("-m", "podium")


def moved(place: Place, how: str) -> tuple[str, str]:
    """Leave a run, then rename; its function's name, and what it is called now."""
    if how == "function":
        place.leave("ALL-1", "ALL-2")
        (place.home / "mail.py").write_text(MAIL.replace("campaign", "mailing"))
        return "mail:campaign", "mail:mailing"
    if how == "file":
        place.leave("ALL-1", "ALL-2")
        (place.home / "mail.py").rename(place.home / "post.py")
        return "mail:campaign", "post:campaign"
    (place.home / "invoices").mkdir()
    (place.home / "mail.py").rename(place.home / "invoices" / "main.py")
    script = place.start("invoices/main.py", "ALL-1", "ALL-2")
    place.until("began ALL-1")
    place.kill(script)
    (place.home / "invoices").rename(place.home / "bills")
    return "invoices.main:campaign", "bills.main:campaign"


@pytest.mark.parametrize("how", ["function", "file", "folder"])
def test_who_was_renamed_is_told_everywhere_and_goes_on_by_the_told_command(place: Place, how: str) -> None:
    old, new = moved(place, how)
    script = f"{new.partition(':')[0].replace('.', '/')}.py"
    place.go()
    (run,) = place.run(*PODIUM, "runs", "-q").stdout.split()
    command = f"podium rename {old} {new}"
    opening = place.run(script, "me").stderr
    assert f"1 run waits for {old}, which is not there any more: {command}\n" in opening
    why = place.run(*PODIUM, "why", run).stdout
    assert f"nothing here declares {old} any more; it may be {new} now\n" in why
    assert why.endswith(f"next: {command}\n")
    resumed = place.run(*PODIUM, "resume", run)
    assert resumed.returncode == 3
    assert command in resumed.stderr
    assert command in place.run(*PODIUM, "doctor", "--quick").stdout
    renamed = place.run(*PODIUM, *command.split()[1:], "--yes")
    assert renamed.returncode == 0, renamed.stderr
    again = place.run(script, "ALL-1", "ALL-2")
    assert f"resumed {run}" in again.stderr
    assert place.states() == ["succeeded", "succeeded"], "me's, and the one that was left"


def test_a_run_of_another_file_is_told_of_in_one_line(place: Place) -> None:
    for folder in ("bills", "cleanup"):
        (place.home / folder).mkdir()
        (place.home / folder / "main.py").write_text(MAIL)
    for person in ("c-1", "c-2"):
        script = place.start("bills/main.py", person)
        place.until(f"began {person}")
        place.kill(script)
        if person == "c-1":
            place.go()
            one = place.run("cleanup/main.py", "me").stderr.splitlines()
            (place.home / "go").unlink()
            (left,) = place.run(*PODIUM, "runs", "-q", "status:open").stdout.split()
    told = f"podium: 1 other run waits (bills.main:campaign), and nothing drives it: podium resume {left}"
    assert [line for line in one if "new store" not in line] == [told]
    place.go()
    for opening in (["cleanup/main.py", "me-2"], ["service.py"]):
        (place.home / "service.py").write_text("from podium import App\nimport mail\nwith App():\n    pass\n")
        (line,) = place.run(*opening).stderr.splitlines()
        assert line.startswith("podium: 2 other runs wait (bills.main:campaign), and nothing drives them: ")


def test_a_run_whose_engine_is_stopped_is_told_of_as_everywhere_else(place: Place) -> None:
    """An engine that cannot act takes nothing."""
    service = "import mail, threading\nfrom podium import App\nwith App():\n    threading.Event().wait()\n"
    (place.home / "service.py").write_text(service)
    server = place.start("service.py")
    put = (*PODIUM, "run", "--detach", "mail.py:campaign", "--", "--people")
    place.run(*put, '["a"]')
    place.until("began a")
    place.stop(server)
    later = place.run(*put, '["b"]').stdout.strip()
    place.go()
    told = f"1 other run waits, and nothing drives it: podium resume {later}"
    assert told in place.run("mail.py", "me").stderr


def test_a_script_that_is_started_elsewhere_says_where_its_projects_store_is(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place.leave("ALL-1")
    place.go()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".podium").mkdir()
    (elsewhere / "go").touch()
    script, store = str(place.home / "mail.py"), place.home / ".podium" / "podium.db"
    said = place.run(script, "ALL-1", cwd=elsewhere).stderr
    (line,) = [line for line in said.splitlines() if line.startswith("podium: this is the store of")]
    assert f"the store of {elsewhere}; {place.home} has one of its own" in line
    (told,) = re.findall(r"PODIUM_URL=(\S+)", line)
    assert Path(told) == store
    again = place.run(script, "ALL-1", cwd=elsewhere, PODIUM_URL=told)
    assert "resumed" in again.stderr
    assert "this is the store of" not in again.stderr, "it was named"
    by_command = place.run(*PODIUM, "run", f"{script}:campaign", "--", "--people", '["me"]', cwd=elsewhere)
    assert "this is the store of" in by_command.stderr
    assert "this is the store of" not in place.run("mail.py", "me").stderr


def test_a_named_workflow_is_resumed_by_the_told_command(place: Place) -> None:
    (place.home / "mail.py").write_text(MAIL.replace("@workflow", '@workflow(name="nightly")'))
    place.leave("ALL-1")
    place.go()
    (run,) = place.run(*PODIUM, "runs", "-q").stdout.split()
    assert f"next: podium resume {run}" in place.run(*PODIUM, "why", run).stdout
    resumed = place.run(*PODIUM, "resume", run)
    assert resumed.returncode == 0, resumed.stderr
    with App(place.home / ".podium" / "podium.db", drives="nothing") as app:
        assert [row.function for row in app.find(Query())] == ["nightly"]


LATER = """
import time
from pathlib import Path
from podium import task, workflow

@task
def one(x):
    Path("sent").write_text("began\\n")
    while not Path("go").exists():
        time.sleep(0.01)
    return x + 1

@task
def two(x):
    return x + 1

@workflow
def flow(x):
    return two(one(x))

if __name__ == "__main__":
    import sys
    print(flow.run(int(sys.argv[1])))
"""


def test_a_workflow_s_run_goes_to_no_task(place: Place) -> None:
    (place.home / "later.py").write_text(LATER)
    script = place.start("later.py", "2")
    place.until("began")
    place.kill(script)
    (place.home / "later.py").write_text(
        LATER.replace("def flow", "def stream").replace("flow.run", "stream.run")
    )
    place.go()
    told = place.run("later.py", "99").stderr
    assert "podium rename later:flow later:stream\n" in told
    (run,) = place.run(*PODIUM, "runs", "-q", "status:open").stdout.split()
    refused = place.run(*PODIUM, "rename", "--yes", "later:flow", "later:two")
    assert f"later:two is a task, and run {run} is of a workflow" in refused.stdout + refused.stderr
    assert place.run(*PODIUM, "rename", "--yes", "later:flow", "later:stream").returncode == 0
    assert "resumed" in place.run("later.py", "2").stderr
    assert place.states() == ["succeeded", "succeeded"]


BESIDE = """
import asyncio, sys, time
from pathlib import Path
import podium
from podium import task, workflow

@task
def a() -> int:
    return 1

@task
def slow(n: int) -> int:
    Path("sent").write_text("began\\n")
    while not Path("go").exists():
        time.sleep(0.01)
    return 2

@workflow
def small(n: int) -> int:
    return n + a()

@workflow
async def child(n: int) -> int:
    return n + a()

@workflow
async def main(n: int) -> int:
    numbers = await asyncio.gather(*(child(i) for i in range(n)))
    await asyncio.sleep(0.01)
    if n == 2 and not await podium.ask("go on?", bool):
        return 0
    return a() + sum(numbers) + slow(n)

if __name__ == "__main__":
    print(main.run(int(sys.argv[1])))
"""


def steps_on_record(place: Place) -> set[str]:
    file = place.home / ".podium" / "podium.db"
    if not file.exists():
        return set()
    with App(file, drives="nothing") as app:
        return {entry.step for row in app.find(Query()) for entry in app.history(row.id)}


@pytest.mark.parametrize(
    ("n", "edit", "may_be"),
    [
        ("30", ("sum(numbers) + slow(n)", "sum(numbers) + slow(n)"), ["top"]),
        ("2", ("sum(numbers) + slow(n)", "sum(numbers) + slow(n)"), ["top"]),
        ("30", ("sum(numbers) + slow(n)", "sum(numbers) - slow(n)"), ["top"]),
        ("0", ("sum(numbers) + slow(n)", "sum(numbers) - slow(n)"), ["small", "child", "top"]),
    ],
    ids=["gather and sleep", "a question", "edited", "several fit"],
)
def test_a_workflow_that_stood_beside_it_is_not_what_it_is_called_now(
    place: Place, n: str, edit: tuple[str, str], may_be: list[str]
) -> None:
    """`small` was declared all along, and calls what is on record, too."""
    (place.home / "beside.py").write_text(BESIDE)
    script = place.start("beside.py", n)
    if n == "2":
        until(lambda: "/ask" in steps_on_record(place))
    else:
        place.until("began")
    place.kill(script)
    place.go()
    now = BESIDE.replace("main(n", "top(n").replace("main.run", "top.run").replace(*edit)
    (place.home / "beside.py").write_text(now)
    (run,) = place.run(*PODIUM, "runs", "-q", "status:open", "workflow:main").stdout.split()
    names = [f"beside:{name}" for name in may_be]
    command = f"podium rename beside:main {names[0] if len(names) == 1 else 'NEW'}"
    said = f"nothing here declares beside:main any more; it may be {' or '.join(names)} now\n"
    checked = place.run(*PODIUM, "check", run).stdout
    assert said in checked
    assert f"    {command}\n" in checked
    why = place.run(*PODIUM, "why", run).stdout
    assert said in why
    assert why.endswith(f"next: {command}\n")
    opening = place.run("beside.py", "1").stderr
    both = f"; it may be {' or '.join(names)} now" if len(names) > 1 else ""
    assert f"1 run waits for beside:main, which is not there any more{both}: {command}\n" in opening
