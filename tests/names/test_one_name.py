"""A file has one name, however a process comes to what it declares."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.modules import had_name
from tests import forkserver

PODIUM = [sys.executable, "-m", "podium"]
FLOWS = """
import os, sys
from podium import task, workflow

@task
def act(customer: str) -> str:
    return customer

@workflow
def flow(customer: str = "x") -> str:
    return act(customer)

with open(os.environ["SEEN"], "a") as seen:
    seen.write(flow.name + "\\n")
"""


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What `flow` is called by a process that is started so."""
    monkeypatch.delenv("PODIUM_URL", raising=False)
    seen = tmp_path / "seen"

    def named(*command: str, cwd: Path, ends: bool = True, stdin: str | None = None, **env: str) -> str:
        seen.unlink(missing_ok=True)
        place = {**os.environ, "SEEN": str(seen), "PODIUM_QUIET": "1", **env}
        process = forkserver.Popen(
            command, cwd=cwd, env=place, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if stdin is not None or ends:
            said = process.communicate(stdin, timeout=60)[0]
        else:
            said = ""
            while process.stdout is not None and not said.endswith("handed back\n"):
                line = process.stdout.readline()
                assert line, said
                said += line
            process.terminate()
            said += process.communicate(timeout=60)[0]
        assert seen.exists(), said
        (name,) = dict.fromkeys(seen.read_text().splitlines())
        return name

    return named


def lay_out(folder: Path, *files: str, mark: str = "pyproject.toml", text: str = "") -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(FLOWS if file.endswith(("s.py", "main.py")) else "")
    if mark == "pyproject.toml":
        (folder / mark).write_text(text)
    elif mark:
        (folder / mark).mkdir()


@pytest.mark.parametrize("mark", ["pyproject.toml", ".git", ".podium"])
@pytest.mark.parametrize("package", [True, False])
def test_every_way_to_a_file_of_a_project_gives_one_name(
    named: Callable[..., str], tmp_path: Path, mark: str, package: bool
) -> None:
    home = tmp_path / "home"
    lay_out(home, "shop/flows.py", *(["shop/__init__.py"] if package else []), mark=mark)
    shop, py = home / "shop", sys.executable
    worker, run = [*PODIUM, "worker"], [*PODIUM, "run"]
    assert named(py, "shop/flows.py", cwd=home) == "shop.flows:flow"
    assert named(py, "flows.py", cwd=shop) == "shop.flows:flow"
    assert named(py, str(shop / "flows.py"), cwd=tmp_path) == "shop.flows:flow"
    assert named(py, "-m", "shop.flows", cwd=home) == "shop.flows:flow"
    assert named(py, "-c", "import flows", cwd=shop) == "shop.flows:flow"
    assert (
        named(py, "-m", "cProfile", "-o", str(tmp_path / "p"), "shop/flows.py", cwd=home) == "shop.flows:flow"
    )
    assert named(*run, "shop.flows:flow", cwd=home) == "shop.flows:flow"
    assert named(*run, "shop/flows.py:flow", cwd=home) == "shop.flows:flow"
    assert named(*run, "shop.flows:flow", cwd=shop) == "shop.flows:flow"
    assert named(*run, "flows.py:flow", cwd=shop) == "shop.flows:flow"
    assert named(*worker, "shop.flows", cwd=shop, ends=False) == "shop.flows:flow"
    assert named(*worker, "shop/flows.py", cwd=home, ends=False) == "shop.flows:flow"


@pytest.mark.parametrize(
    ("file", "text", "name"),
    [
        ("src/shop/flows.py", "", "shop.flows:flow"),
        ("lib/shop/flows.py", "[tool.podium]\nroot = 'lib'\n", "shop.flows:flow"),
        ("scripts/flows.py", "[tool.podium]\nroot = 'lib'\n", "scripts.flows:flow"),
        ("src/shop/src/flows.py", "", "shop.src.flows:flow"),
        ("my jobs/01-flows.py", "", "my jobs.01-flows:flow"),
        ("shop/__main__s.py", "", "shop.__main__s:flow"),
    ],
)
def test_the_source_root(named: Callable[..., str], tmp_path: Path, file: str, text: str, name: str) -> None:
    home = tmp_path / "home"
    lay_out(home, file, text=text)
    assert named(sys.executable, file, cwd=home) == name
    assert named(*PODIUM, "run", f"{home / file}:flow", cwd=tmp_path) == name


def test_a_source_folder_that_is_a_package_is_none(named: Callable[..., str], tmp_path: Path) -> None:
    lay_out(tmp_path / "home", "src/__init__.py", "src/flows.py")
    assert named(sys.executable, "src/flows.py", cwd=tmp_path / "home") == "src.flows:flow"
    assert named(sys.executable, "-m", "src.flows", cwd=tmp_path / "home") == "src.flows:flow"


def test_two_files_of_one_project_have_two_names(named: Callable[..., str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    lay_out(home, "invoices/main.py", "cleanup/main.py")
    assert named(sys.executable, "invoices/main.py", cwd=home) == "invoices.main:flow"
    assert named(sys.executable, "cleanup/main.py", cwd=home) == "cleanup.main:flow"
    assert named(sys.executable, "-c", "import main", cwd=home / "cleanup") == "cleanup.main:flow"


def test_the_first_run_in_a_bare_folder_is_named_as_the_second(
    named: Callable[..., str], tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    lay_out(bare, "shop/flows.py", mark="")
    assert named(*PODIUM, "run", "shop/flows.py:flow", cwd=bare) == "shop.flows:flow"
    assert (bare / ".podium").is_dir()
    assert named(sys.executable, "shop/flows.py", cwd=bare) == "shop.flows:flow"
    assert named(sys.executable, "flows.py", cwd=bare / "shop") == "shop.flows:flow"


def test_a_script_without_a_project_is_named_in_its_own_folder(
    named: Callable[..., str], tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    lay_out(bare, "shop/flows.py", "pack/__init__.py", "pack/flows.py", mark="")
    elsewhere = {"PODIUM_URL": str(tmp_path / "s.db")}
    for cwd in (bare, bare / "shop", tmp_path):
        assert named(sys.executable, str(bare / "shop/flows.py"), cwd=cwd, **elsewhere) == "flows:flow"
        assert named(sys.executable, str(bare / "pack/flows.py"), cwd=cwd, **elsewhere) == "pack.flows:flow"


def test_a_session_without_a_file_is_named_by_its_source(named: Callable[..., str], tmp_path: Path) -> None:
    one = named(sys.executable, "-c", FLOWS, cwd=tmp_path)
    assert one == named(sys.executable, "-c", FLOWS, "an", "argument", cwd=tmp_path)
    assert one != named(sys.executable, "-c", f"{FLOWS}#", cwd=tmp_path)
    assert one.startswith("__main__@")
    piped = [named(sys.executable, cwd=tmp_path, stdin=FLOWS) for _ in range(2)]
    assert len({one, *piped}) == 3, "what nobody can read again is of its process alone"
    assert named(sys.executable, "-c", FLOWS, cwd=tmp_path, PODIUM_NAME="nightly") == "nightly:flow"


def test_installed_code_keeps_the_name_that_it_is_imported_by(
    named: Callable[..., str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    lay_out(home, ".venv/lib/python3.11/site-packages/shop/flows.py")
    installed = str(home / ".venv/lib/python3.11/site-packages")
    for command in (["-c", "import shop.flows"], ["-m", "shop.flows"]):
        assert named(sys.executable, *command, cwd=home, PYTHONPATH=installed) == "shop.flows:flow"


@pytest.mark.parametrize(
    ("now", "before", "whether"),
    [
        ("shop.flows", "flows", True),
        ("flows", "shop.flows", True),
        ("shop.flows", "shop.flows", True),
        ("shop.__main__", "shop", True),
        ("shop.flows", "lows", False),
        ("shop.flows", "other.flows", False),
        ("__main__@12", "12", False),
    ],
)
def test_what_a_module_may_have_been_called(now: str, before: str, whether: bool) -> None:
    assert had_name(now, before) is whether


HELPED = """
from podium import task, workflow

@task
def act() -> None:
    from tools import act  # in its own time
    act()

@workflow
def flow() -> None:
    act()
"""


@pytest.mark.parametrize("second", ["cleanup/main.py", "cleanup.main"])
def test_two_scripts_that_mean_different_files_by_one_name_are_not_served_by_one_process(
    tmp_path: Path, second: str
) -> None:
    for folder in ("invoices", "cleanup"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.py").write_text(HELPED)
        (tmp_path / folder / "tools.py").write_text("from helpers import act\n")
        (tmp_path / folder / "helpers.py").write_text(f"def act(): print({folder!r})\n")
    (tmp_path / "pyproject.toml").touch()
    done = forkserver.run(
        [*PODIUM, "worker", "invoices/main.py", second],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "invoices/main.py each have a 'helpers' beside them" in done.stderr
    assert "cleanup/main.py and " in done.stderr


KILLED = """
import os, signal
from podium import task, workflow

@task
def act(who: str) -> str:
    with open("ledger", "a") as ledger:
        ledger.write("MARK\\n")
    if "MARK" == "first":
        os.kill(os.getpid(), signal.SIGKILL)
    return who

@workflow
def flow(who: str) -> str:
    return act(who)

flow("x")
"""


@pytest.mark.parametrize("command", [["-c", KILLED], []], ids=["-c", "stdin"])
def test_what_a_program_without_a_file_left_is_taken_up_by_no_other_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.delenv("PODIUM_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(mark: str) -> subprocess.CompletedProcess[str]:
        text = [part.replace("MARK", mark) for part in command]
        stdin = None if command else KILLED.replace("MARK", mark)
        return forkserver.run(
            [sys.executable, *text], input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    assert run("first").returncode == -signal.SIGKILL
    second = run("second")
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "ledger").read_text().split() == ["first", "second"]
    (left,) = podium("runs", "status:open", "-q").split()
    assert "1 other run waits" in second.stderr
    assert f"podium terminate {left}" in second.stderr
    why = podium("why", left)
    assert "is of a session that no file holds: no other process has its code" in why
    assert f"next: podium terminate {left}  ends it" in why


def podium(*args: str) -> str:
    return forkserver.run([*PODIUM, *args], capture_output=True, text=True, timeout=60, check=True).stdout
