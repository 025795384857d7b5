"""`podium.shell`: a command is a task, without a shell; nothing of it outlives its step."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

import podium
from podium import App, CommandFailed, Options, RunCancelled, TaskTimeout, UsageError, workflow
from podium.executors.command import RESULT_MAX
from podium.model import STDERR, STDOUT
from tests.embedded.test_logs import told
from tests.waiting import is_alive, until


@workflow
def runs(*command: str, timeout: float | None = None) -> str:
    return podium.shell(*command, timeout=timeout)


@workflow
async def runs_at_once(words: list[str]) -> list[str]:
    first = podium.shell("echo", "first")  # plain in an async body, too
    rest = await asyncio.gather(*(podium.shell.start("echo", word) for word in words))
    return [first, *rest]


@workflow
def runs_in(folder: str) -> str:
    return podium.shell("sh", "-c", "pwd; echo $GREETING", cwd=folder, env={"GREETING": "hello"})


@workflow
def runs_nothing() -> str:
    return podium.shell()


# Writes its own number and those of a child in its group, and of one in a session of its own; then stays.
FAMILY = """
trap '' TERM
sleep 100 & echo $! > pids.new
setsid sleep 100 & echo $! >> pids.new
echo $$ >> pids.new; mv pids.new pids
wait; sleep 100
"""


def family(folder: Path) -> list[int]:
    until((folder / "pids").exists)
    return [int(line) for line in (folder / "pids").read_text().split()]


@workflow
def stays(folder: str, timeout: float | None = None) -> str:
    return podium.shell("sh", "-c", FAMILY, cwd=folder, timeout=timeout)


def test_a_step_returns_stdout_and_what_it_says_is_in_the_runs_log_while_it_runs(
    app: App, tmp_path: Path
) -> None:
    run = runs.start(
        "sh", "-c", f"echo one; echo two >&2; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo x"
    )
    until(lambda: len(told(app, run)) == 2)
    assert sorted(told(app, run)) == [("shell", 1, STDERR, "two"), ("shell", 1, STDOUT, "one")]
    (tmp_path / "go").touch()
    assert run.result() == "one\nx\n"


def test_no_shell_reads_the_arguments(app: App) -> None:
    assert runs.run("echo", "$HOME; rm -rf *") == "$HOME; rm -rf *\n"


def test_several_run_at_once_in_an_async_body(app: App) -> None:
    assert runs_at_once.run(["a", "b", "c"]) == ["first\n", "a\n", "b\n", "c\n"]


def test_folder_and_variables(app: App, tmp_path: Path) -> None:
    assert runs_in.run(str(tmp_path)) == f"{tmp_path.resolve()}\nhello\n"


def test_another_exit_code_is_a_failure_with_the_end_of_stderr(app: App) -> None:
    with pytest.raises(CommandFailed, match=r"(?s)exited with code 3\n  last words") as caught:
        runs.run("sh", "-c", "echo last words >&2; exit 3")
    assert (caught.value.exit_code, caught.value.stderr) == (3, "last words\n")
    with pytest.raises(CommandFailed, match="killed by SIGSEGV") as caught:
        runs.run("sh", "-c", "kill -SEGV $$")
    assert caught.value.exit_code == -signal.SIGSEGV


def test_a_command_that_is_not_there_is_an_error_that_says_which(app: App) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program") as caught:
        runs.run("no-such-program -v")
    assert "each argument by itself" in "".join(caught.value.__notes__)


def test_what_cannot_be_is_refused_before_anything_is_stored(app: App) -> None:
    for call in (
        lambda: podium.shell.start(),
        lambda: podium.shell.start("ls", timeout="soon"),
        lambda: podium.shell.start("ls", 7),
        lambda: podium.shell.start("ls", env={"N": 1}),
        lambda: podium.shell(),
    ):
        with pytest.raises(UsageError):
            call()
    assert podium.runs().count().result() == 0
    with pytest.raises(UsageError, match="no command"):
        runs_nothing.run()


def test_output_is_capped_in_the_result_and_says_so(app: App) -> None:
    made = runs.run(sys.executable, "-c", f"import sys; sys.stdout.write('x' * {RESULT_MAX + 5})")
    assert len(made.partition("\n")[0]) == RESULT_MAX
    assert made.endswith("\n… 5 more bytes were left out")


def test_at_its_timeout_it_is_ended_with_all_that_it_has_started(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.executors.command.STOP_SECONDS", 0.1)
    run = stays.start(str(tmp_path), timeout=1.0)
    pids = family(tmp_path)
    assert list(map(is_alive, pids)) == [True] * 3
    with pytest.raises(TaskTimeout, match="longer than its timeout of 1 s"):
        run.result()
    until(lambda: not any(map(is_alive, pids)))


def test_cancelled_it_is_ended_with_all_that_it_has_started(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.executors.command.STOP_SECONDS", 0.1)
    run = stays.start(str(tmp_path))
    pids = family(tmp_path)
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result()
    until(lambda: not any(map(is_alive, pids)))


def test_what_a_command_leaves_in_its_group_is_ended_with_it(app: App, tmp_path: Path) -> None:
    pid = int(runs.run("sh", "-c", "sleep 100 & echo $!"))
    until(lambda: not is_alive(pid))


def test_no_process_and_no_descriptor_is_left(app: App) -> None:
    runs.run("true")
    before = os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
    others = psutil.Process().children()  # of tests before this one
    for _ in range(3):
        runs.run("true")
    after = os.listdir("/proc/self/fd") if before else []
    assert len(after) == len(before)
    assert [child for child in psutil.Process().children() if child not in others] == []


def test_a_closed_app_leaves_no_command(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db", options=Options(grace=0.1)):
        stays.start(str(tmp_path))
        pids = family(tmp_path)
    until(lambda: not any(map(is_alive, pids[::2])))


def test_outside_of_workflows_it_is_a_plain_call(app: App, capfd: pytest.CaptureFixture[str]) -> None:
    assert podium.shell("echo", "plain") == "plain\n"
    assert capfd.readouterr().out == "plain\n"

    async def in_a_loop() -> str:
        with pytest.raises(UsageError, match="hold up this event loop"):
            podium.shell("echo")
        return await asyncio.to_thread(podium.shell, "echo", "in a thread")

    assert asyncio.run(in_a_loop()) == "in a thread\n"


def test_a_run_of_its_own_is_driven_like_any_other(app: App) -> None:
    assert podium.shell.run("echo", "alone") == "alone\n"
