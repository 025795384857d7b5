"""What `isolation=` and `memory=` accept, and how a process finds a task: in scripts, packages, modules."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from podium import App, UsageError, task, workflow
from podium.errors import DeclarationError
from podium.functions import registry
from podium.model import Query
from tests import forkserver

BODY = """
import os
from podium import task, workflow

@task(isolation="process")
def pid() -> int:
    return os.getpid()

@workflow
def flow() -> int:
    return pid()

"""
GUARDED = BODY + "if __name__ == '__main__':\n    print(flow.run() != os.getpid())\n"
UNGUARDED = BODY + "print('imported')\nprint(flow.run() != os.getpid())\n"


def sample(a: int = 1) -> int:
    return a


ready_made = task(functools.partial(divmod, 7), name="ready-made", isolation="process")


@workflow
def divide(by: int) -> tuple[int, int]:
    return ready_made(by)


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return forkserver.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("size", "bytes_of"),
    [
        ("512 MB", 512_000_000),
        ("1.5GB", 1_500_000_000),
        ("1 GiB", 2**30),
        (2**27, 2**27),
        ("100000 kB", 10**8),
    ],
)
def test_memory_is_bytes_or_text(size: Any, bytes_of: int) -> None:
    declared = task(sample, name=f"memory {size}", isolation="process", memory=size)
    assert registry[declared.name].memory == bytes_of


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"memory": "512 MB"}, 'add isolation="process"'),
        ({"isolation": "container"}, '"process" is all there is'),
        ({"isolation": "process", "executor": "threads"}, "one or the other"),
        ({"isolation": "process", "memory": "much"}, 'text such as "512 MB"'),
        ({"isolation": "process", "memory": "1 MB"}, "64 MiB at least"),
    ],
)
def test_what_makes_no_sense_is_refused(options: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        task(sample, name="refused", **options)
    assert said in str(caught.value)


def test_what_a_process_could_not_find_is_refused() -> None:
    def inner() -> None: ...

    with pytest.raises(DeclarationError, match="would not find it by its name"):
        task(inner, isolation="process")


def test_a_workflow_is_not_isolated() -> None:
    refused: Any = workflow
    with pytest.raises(DeclarationError, match=r"@workflow\(isolation=...\)"):
        refused(sample, isolation="process")


def test_outside_of_workflows_a_call_is_a_plain_call() -> None:
    assert ready_made(3) == (2, 1)


def test_what_is_wrapped_where_it_is_declared_is_found_there(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        assert divide.run(3) == (2, 1)


def test_a_task_of_a_script_runs_wherever_that_is_started(project: Path) -> None:
    (project / "scripts").mkdir()
    (project / "scripts" / "my-script.py").write_text(GUARDED)
    ran = python("scripts/my-script.py", cwd=project)
    assert (ran.stdout, ran.returncode) == ("True\n", 0), ran.stderr


def test_a_task_of_a_package_that_is_run(project: Path) -> None:
    (project / "thing").mkdir()
    (project / "thing" / "__init__.py").touch()
    (project / "thing" / "__main__.py").write_text(GUARDED)
    (project / "thing" / "other.py").write_text(GUARDED)
    for module in ("thing", "thing.other"):
        ran = python("-m", module, cwd=project)
        assert (ran.stdout, ran.returncode) == ("True\n", 0), ran.stderr


def test_a_task_of_a_script_that_the_command_line_runs(project: Path) -> None:
    (project / "scripts").mkdir()
    (project / "scripts" / "app.py").write_text(GUARDED)
    ran = python("-m", "podium", "run", "scripts/app.py:flow", cwd=project)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().isdigit()


def test_a_script_without_a_guard_is_told_so_and_does_not_run_twice(project: Path) -> None:
    (project / "app.py").write_text(UNGUARDED)
    ran = python("app.py", cwd=project)
    assert ran.returncode != 0
    assert "could not import app: app starts runs when it is imported" in ran.stderr, ran.stderr
    assert 'if __name__ == "__main__":' in ran.stderr
    with App(project / ".podium" / "podium.db", drives="nothing") as app:
        assert len(app.store.find(Query())) == 1


def test_a_module_that_a_process_cannot_import_fails_the_task_and_says_why(project: Path) -> None:
    broken = "import sys\nif 'podium.executors.child' in sys.orig_argv: import no_such_module\n" + GUARDED
    (project / "app.py").write_text(broken)
    ran = python("app.py", cwd=project)
    assert "could not import app: ModuleNotFoundError: No module named 'no_such_module'" in ran.stderr


def test_an_interactive_session_is_told_that_it_cannot_be_imported(project: Path) -> None:
    ran = python("-c", GUARDED, cwd=project)
    assert "declared in an interactive session" in ran.stderr
    assert ran.returncode != 0


def test_a_run_that_an_isolated_task_starts_is_driven_elsewhere(project: Path) -> None:
    nested = BODY.replace("return os.getpid()", "return other.run()") + (
        "@task\ndef here() -> int:\n    return os.getpid()\n\n"
        "@workflow\ndef other() -> int:\n    return here()\n\n"
        "if __name__ == '__main__':\n    print(flow.run() == os.getpid())\n"
    )
    (project / "app.py").write_text(nested)
    ran = python("app.py", cwd=project)
    assert (ran.stdout, ran.returncode) == ("True\n", 0), ran.stderr
