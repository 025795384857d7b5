"""The programs of docs/testing.md, run as a user would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_its_programs_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = ["shop", "test_whole", "test_parts", "test_time", "test_crashes", "test_restart"]
    assert [name for name, _ in blocks] == [f"{name}.py" for name in names]
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    (tmp_path / "pyproject.toml").touch()
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "8 passed" in ran.stdout, ran.stdout + ran.stderr
    assert not (tmp_path / ".podium").exists()
