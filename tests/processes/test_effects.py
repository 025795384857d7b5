"""Processes that are really killed between an effect outside and its record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes.support import ROOT

KILLS = 10


def killed(folder: Path, kind: str, kills: int = KILLS) -> dict[str, Any]:
    """What so many orders came to whose process was killed at each."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.processes.killed_effects", kind, str(kills)],
        env={**os.environ, "EFFECTS": str(folder)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("kind", "parked"), [("verify", 0), ("once", KILLS)])
def test_no_effect_is_made_twice_and_none_is_lost(tmp_path: Path, kind: str, parked: int) -> None:
    assert killed(tmp_path, kind) == {"kills": KILLS, "parked": parked, "twice": 0, "lost": 0}
