"""The programs in the documents run: each python block, in a folder and with a store of its own.

One that begins with a file's name is that file; those of a page lie side by side.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forkserver
from tests.tidy.source import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\w+\.py)\n")
# What a fragment is about, and what a page leaves to its reader.
BEFORE = {
    "README.md": """
import asyncio
from podium import task, workflow
Report = str
@task
async def links(start: str) -> list[str]: ...
@task
async def fetch(url: str) -> str: ...
@task
def moderate(text: str) -> str: ...
@task
async def score(n: int) -> int: ...
""",
    "docs/api.md": """
import podium
from pathlib import Path
from podium.env import RealEnv
from podium.server import Access, Binding, Listener, Service
@podium.workflow
def report(city: str) -> str:
    return city
app = podium.App("served.db").__enter__()
access = Access(Path("token"))
listener = Listener(Service(app, access, ""), Binding(port=0), RealEnv())
listener.start()
url, token = listener.url, access.token
""",
}


def pages() -> Iterator[Path]:
    yield ROOT / "README.md"
    made = ROOT / "docs" / "patterns.md"  # of programs that run in tests/patterns
    yield from sorted(page for page in (ROOT / "docs").glob("*.md") if page != made)


PROGRAMS = {page.relative_to(ROOT).as_posix(): BLOCK.findall(page.read_text()) for page in pages()}


@pytest.mark.parametrize("page", [page for page, blocks in PROGRAMS.items() if blocks])
def test_the_programs_of_a_page_run(page: str, tmp_path: Path) -> None:
    tests: list[str] = []
    scripts: list[str] = []
    for number, block in enumerate(PROGRAMS[page]):
        named = NAME.match(block)
        name = named[1] if named else f"program{number}.py"
        text = block if "import" in block else BEFORE[page] + block
        (tmp_path / name).write_text(text)
        (tests if name.startswith("test_") else scripts).append(name)
    for script in scripts:
        ran(tmp_path, script)
    if tests:
        ran(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


def ran(folder: Path, *args: str) -> None:
    url = f"sqlite:///{folder}/{args[0]}.db"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "PYTEST_"))}
    done = forkserver.run(
        [sys.executable, *args], cwd=folder, env={**kept, "PODIUM_URL": url}, timeout=60, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
