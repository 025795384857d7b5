"""What `import podium` costs, seen from a fresh process, and what it promises."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys

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


def fresh_modules(code: str) -> set[str]:
    """Names in sys.modules of a new interpreter after running some code."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout))


def test_import_podium_is_light() -> None:
    brought = fresh_modules("import podium") - fresh_modules("pass")
    assert not [name for name in brought if name.startswith(tuple(f"{n}." for n in NEVER)) or name in NEVER]
    assert len(brought) <= MODULES_MAX


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
