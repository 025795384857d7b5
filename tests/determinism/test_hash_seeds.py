"""A history recorded in one process replays to the same end in others, whatever their hash seeds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.determinism.replayer import Recorded
from tests.determinism.test_one_history_one_answer import PROGRAMS, WIDTH, lived

ROOT = Path(__file__).resolve().parents[2]


def test_other_hash_seeds(tmp_path: Path) -> None:
    lives = [(name, lived(program, seed)) for name, program in PROGRAMS.items() for seed in range(25)]
    file = tmp_path / "histories.json"
    file.write_bytes(msgspec.json.encode([Recorded(name, WIDTH, life.history) for name, life in lives]))
    expected = [hashlib.sha256(life.finished.payload).hexdigest() for _, life in lives if life.finished]
    replays = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.determinism.replayer", str(file)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in (0, 1, 4242)
    ]
    for replay in replays:
        assert replay.communicate(timeout=60)[0].split() == expected
        assert replay.returncode == 0
