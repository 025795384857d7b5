"""Programs of the examples as processes of their own: run, killed on the way, and run again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import forkserver

ROOT = Path(__file__).parents[2]


def program(folder: Path, *words: str, **settings: str) -> subprocess.Popen[str]:
    """`python -m WORDS` in a folder, with the folder's own store."""
    environment = {**os.environ, "PODIUM_URL": str(folder / "podium.db"), "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-m", *words]
    return forkserver.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def said(folder: Path, *words: str, **settings: str) -> str:
    """What it prints."""
    process = program(folder, *words, **settings)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return out
