"""`python -m examples.agents_and_saga`: the campaign, with moto's server as AWS (podium[examples])."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .trial import trial

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name, value in trial(Path(folder)).items():
            print(f"{name:>20}  {value}")
