"""What is under version control works on any machine and tells nothing about ours."""

from __future__ import annotations

import re

import pytest

from tests.tidy.source import ROOT, tracked

# In pieces, so that this file does not find itself.
PRIVATE = re.compile(
    "|".join(
        (
            r"(?<![\w.~-])/(" + "work|root|home|opt|Users" + r")/[\w.-]",
            "/tmp/" + "venv",
            "pypi" + r"\.org",
            "python" + "hosted",
            "registry" + r"\.npm",
            r"index" + "-url",
        )
    )
)

checkout = pytest.mark.skipif(not tracked(), reason="not a git checkout")


@checkout
def test_no_machine_path_and_no_registry_host_is_committed() -> None:
    found: list[str] = []
    for name in tracked():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if PRIVATE.search(line)
        ]
    assert not found, "use a path relative to the project, or tmp_path"


@checkout
def test_no_build_output_or_store_is_committed() -> None:
    wrong = [
        name
        for name in tracked()
        if re.search(r"(^|/)(\.venv|\.podium|dist|build|__pycache__)/|\.(whl|pyc|db|sqlite3?)$", name)
    ]
    assert not wrong
