"""What `import podium` costs, seen from a fresh process, and what it promises."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import podium
from tests.tidy.source import ROOT

NEVER = (
    "apsw",
    "click",
    "rich",
    "uvicorn",
    "h11",
    "pydantic",
    "numpy",
    "sqlite3",
    "http",
    "urllib.request",
    "hypothesis",
    "pytest",
)
# asyncio alone brings about 60; the rest is ours. A jump means a heavy import: see `python -X importtime`.
MODULES_MAX = 220


def fresh_modules(code: str, folder: Path | None = None) -> set[str]:
    """Names in sys.modules of a new interpreter after running some code, in a folder."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True, cwd=folder
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_import_podium_is_light() -> None:
    brought = fresh_modules("import podium") - fresh_modules("pass")
    assert not [name for name in brought if name.startswith(tuple(f"{n}." for n in NEVER)) or name in NEVER]
    assert len(brought) <= MODULES_MAX


LOOKING = (
    "export @last --html run.html",
    "logs @last",
    "runs",
    "show @last",
    "why @last",
    "workers",
)
# What a command that looks must not load, heaviest first: together they cost as much as all that it needs.
DOING = (
    "podium.client",
    "podium.engine",
    "asyncio",
    "podium.executors",
    "podium.machine",
    "podium.functions",
    "podium.declare",
    "podium.calendar",
    "email",
    "ssl",
    "multiprocessing",
    "concurrent",
    "ctypes",
    "greenlet",
    "rich",
)


_FAILING = """
import podium

@podium.workflow
def breaks():
    raise ValueError("it is broken")

try:
    breaks.run()
except ValueError:
    pass
"""
_EACH_VERB = """
from podium.cli.main import command_line
for words in {lines!r}:
    code = command_line.main([*words.split(), "--store", {store!r}], standalone_mode=False)
    assert not code, (words, code)
"""


def test_commands_that_look_load_nothing_that_drives(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    script = tmp_path / "broken.py"
    script.write_text(_FAILING)
    subprocess.run([sys.executable, script], env={**os.environ, "PODIUM_URL": store}, check=True)
    loaded = fresh_modules(_EACH_VERB.format(lines=LOOKING, store=store), tmp_path)
    assert not [name for name in DOING if name in loaded]


PUBLIC: list[str] = sorted(getattr(podium, "__all__", ()))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_a_docstring(name: str) -> None:
    value = getattr(podium, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert (value.__doc__ or "").strip(), f"podium.{name}: shapes, units, errors raised, an example"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_in_the_documents(name: str) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert any(re.search(rf"\b{name}\b", page.read_text(encoding="utf-8")) for page in pages)
