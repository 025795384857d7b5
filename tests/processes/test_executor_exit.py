"""How a program ends that has used an Executor: what it leaves, and what the next execution does with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests import forkserver

SCRIPT = """
import atexit, signal, sys, time
from podium import Executor

def work(n):
    print("body", n, flush=True)
    if "slow" in sys.argv and n == 1:
        print("ready", flush=True)
        time.sleep(60)
    time.sleep(0.05)
    return n

def without_shutdown():
    return [executor.submit(work, n) for n in range(3)]

def with_block():
    with Executor(1) as executor:
        futures = [executor.submit(work, n) for n in range(4)]
        print([future.result() for future in futures], flush=True)
        if "exit" in sys.argv:
            sys.exit(int(sys.argv[-1]))

def run_last():
    try:
        executor.submit(work, 9)
    except RuntimeError:
        print("refused")

if sys.argv[1] == "block":
    with_block()
else:
    atexit.register(run_last)  # before ours, so that it runs after
    executor = Executor(1)
    futures = without_shutdown()
    if sys.argv[1] == "raise":
        raise KeyError("the program failed")
    if sys.argv[1] == "shutdown":
        executor.shutdown(wait=False)
"""


def start(project: Path, *args: str) -> subprocess.Popen[str]:
    (project / "pool.py").write_text(SCRIPT)
    command = [sys.executable, "pool.py", *args]
    return forkserver.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(project: Path, *args: str) -> tuple[list[str], str]:
    out, err = start(project, *args).communicate(timeout=60)
    return out.splitlines(), err


def podium(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forkserver.run(
        [sys.executable, "-m", "podium", *words], cwd=project, text=True, capture_output=True, timeout=60
    )


def test_at_the_end_of_the_program_what_was_submitted_is_still_called(project: Path) -> None:
    for how in ("end", "shutdown"):
        out, err = run(project, how)
        assert out == ["body 0", "body 1", "body 2", "refused"], err
        assert "results" not in err, "the execution before had ended"


def test_a_program_that_failed_has_left_its_block(project: Path) -> None:
    out, err = run(project, "raise")
    assert out == ["body 0", "body 1", "body 2", "refused"], err
    left = podium(project, "runs", "-q").stdout.strip()
    refused = podium(project, "resume", left)
    assert refused.returncode == 3
    assert "only the program that has begun it goes on with it\n  python " in refused.stderr
    out, err = run(project, "end")
    assert out == ["refused"], err
    assert "3 results" in err


def test_a_block_is_left_by_an_exit_that_is_a_failure_and_ended_by_one_that_is_not(project: Path) -> None:
    bodies = [f"body {n}" for n in range(4)]
    assert run(project, "block", "exit", "1")[0] == [*bodies, "[0, 1, 2, 3]"]
    out, err = run(project, "block", "exit", "0")
    assert out == ["[0, 1, 2, 3]"], err
    assert run(project, "block")[0] == [*bodies, "[0, 1, 2, 3]"]


def test_ctrl_c_leaves_the_block_and_what_has_not_begun(project: Path) -> None:
    process = start(project, "block", "slow")
    assert process.stdout is not None
    for line in process.stdout:
        if line == "ready\n":
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in err
    assert "run the script again" in err
    assert "podium resume" not in err, "nothing else goes on with it"
    out, err = run(project, "block")
    assert out == ["body 1", "body 2", "body 3", "[0, 1, 2, 3]"], err
