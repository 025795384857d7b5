"""The wheel as a user gets it: built from the sdist, in a clean environment, outside the checkout."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

pytestmark = pytest.mark.wheel

HELLO = """
import os, pathlib, signal
from podium import task, workflow

@task
def note(word: str) -> str:
    with open("ledger.txt", "a") as ledger:
        ledger.write(word + "\\n")
    return word

@task
def fall_over_once() -> str:
    first = pathlib.Path("fell")
    if not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "standing"

@workflow
def hello(name: str) -> str:
    words = [note("hello"), fall_over_once(), note(name)]
    return " ".join(words)

if __name__ == "__main__":
    print(hello.run("world"))
"""


def shell(*argv: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that sees nothing of this checkout and of this test session."""
    hidden = ("PODIUM_", "PYTHON", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return subprocess.run(argv, cwd=cwd, env=clean, capture_output=True, text=True, timeout=300)


def checked(*argv: str | Path, cwd: Path) -> str:
    ran = shell(*argv, cwd=cwd)
    assert ran.returncode == 0, f"{argv}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@dataclass(frozen=True)
class Installed:
    """A project directory of a user, and the environment that podium is installed in."""

    wheel: Path
    bin: Path
    project: Path
    seconds: float  # that `pip install` took

    def run(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        return shell(self.bin / program, *args, cwd=self.project)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place = tmp_path_factory.mktemp("wheel")
    checked(sys.executable, "-m", "build", "--outdir", place / "dist", ROOT, cwd=place)
    (wheel,) = (place / "dist").glob("*.whl")
    venv.create(place / "env", with_pip=True)
    binaries = place / "env" / "bin"
    began = time.monotonic()
    checked(binaries / "python", "-m", "pip", "install", "-qq", wheel, cwd=place)
    seconds = time.monotonic() - began
    project = place / "project"
    (project / ".podium").mkdir(parents=True)
    (project / "hello.py").write_text(HELLO)
    return Installed(wheel, binaries, project, seconds)


def test_sql_types_and_licence_are_inside(installed: Installed) -> None:
    inside = set(zipfile.ZipFile(installed.wheel).namelist())
    sql = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.sql")}
    assert sql
    assert sql | {"podium/py.typed"} <= inside
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert not [name for name in inside if not name.startswith(("podium/", "podium-"))]


def test_a_workflow_survives_a_kill(installed: Installed) -> None:
    first = installed.run("python", "hello.py")
    assert first.returncode == -signal.SIGKILL, first.stderr
    again = installed.run("python", "hello.py")
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip().endswith("hello standing world")
    assert "resumed" in again.stdout + again.stderr
    assert (installed.project / "ledger.txt").read_text().split() == ["hello", "world"]


def test_the_command_line_is_installed(installed: Installed) -> None:
    shown = installed.run("podium", "--version")
    assert PROJECT["version"] in shown.stdout, shown.stderr
    runs = installed.run("podium", "runs")
    assert runs.returncode == 0, runs.stderr


def test_nothing_but_what_we_declare_is_needed(installed: Installed) -> None:
    """At most 13 packages come with `pip install podium`."""
    freeze = installed.run(
        "python", "-m", "pip", "list", "--format=freeze", "--exclude", "pip", "--exclude", "setuptools"
    )
    assert len(freeze.stdout.split()) <= 13, freeze.stdout
    assert installed.run("python", "-m", "pip", "check").returncode == 0


SIZES = """
from importlib.metadata import distributions
ours = [one for one in distributions() if one.name not in ("pip", "setuptools")]
print(sum(file.locate().stat().st_size for one in ours for file in one.files or () if file.locate().exists()))
"""


def test_it_takes_little_room(installed: Installed) -> None:
    """At most 45 MB, with the dashboard and what else comes along."""
    sizes = installed.run("python", "-c", SIZES)
    assert 5e6 < int(sizes.stdout) <= 45e6, sizes.stdout + sizes.stderr


def test_the_first_run_is_seen_in_the_page_within_a_minute(installed: Installed) -> None:
    """By the commands of the README alone, with the program at its head, from `pip install` on."""
    readme = (ROOT / "README.md").read_text()
    program = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    (installed.project / "report.py").write_text(program)
    up, run = (
        re.findall(rf"^(podium {verb} report.*?)\s*(?:#.*)?$", readme, re.M)[0] for verb in ("up", "run")
    )
    began = time.monotonic()
    command = [str(installed.bin / "podium"), *shlex.split(up)[1:], "--no-open", "--port", "0", "-q"]
    with subprocess.Popen(command, cwd=installed.project, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            link = server.stdout.readline().strip()
            assert installed.run("podium", *shlex.split(run)[1:]).returncode == 0
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            with browser.open(link, timeout=10) as page:
                assert b"<title>" in page.read()
            with browser.open(f"{link.partition('/?')[0]}/api/runs", timeout=10) as answer:
                seen = answer.read().decode()
        finally:
            server.terminate()
    assert '"function":"report:report"' in seen
    assert '"state":"succeeded"' in seen
    assert installed.seconds + time.monotonic() - began < 60
