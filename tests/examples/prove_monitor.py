"""The monitor on the temperatures of a real machine: `python -m tests.examples.prove_monitor CSV`.

The CSV is NAB's machine_temperature_system_failure.csv. A datasette serves it; one look undisturbed, one that
is killed at half of its pages and run again. Exits 0 exactly when both give the numbers known for that
machine, and no page that was on record was retrieved again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from examples.monitor import serve
from examples.monitor.table import Datasette

ROOT = Path(__file__).parents[2]
KNOWN = "22,695 retrieved, 22,683 stored, 685 below 50, 6 episodes"
PAGES = 23


def main() -> int:
    (file,) = sys.argv[1:]
    held = True
    with tempfile.TemporaryDirectory() as folder:
        for kills in (0, 1):
            place = Path(folder) / str(kills)
            place.mkdir()
            served = Datasette(serve.read(Path(file)), place)
            began = time.monotonic()
            said = _look(served, place, kills)
            seconds = time.monotonic() - began
            served.close()
            asked = _asked(served)
            print(f"{kills} kills: {asked} pages asked for, {PAGES} there, {seconds:.1f} s: {said}")
            held = held and KNOWN in said and PAGES <= asked <= PAGES + kills
    return 0 if held else 1


def _look(served: Datasette, place: Path, kills: int) -> str:
    environment = {
        **os.environ, "PODIUM_URL": str(place / "podium.db"), "PYTHONPATH": str(ROOT), "MONITOR_GAP": "12h",
    }  # fmt: skip
    words = [sys.executable, "-m", "examples.monitor", served.table, "--file", str(place / "out.db")]
    for _ in range(kills):
        victim = subprocess.Popen(words, cwd=place, env=environment, stdout=subprocess.DEVNULL)
        while _asked(served) < PAGES // 2:
            time.sleep(0.005)
        victim.kill()
        victim.wait()
    return subprocess.run(
        words, cwd=place, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def _asked(served: Datasette) -> int:
    return served.log.read_text().count('"GET /machine/readings.json')


if __name__ == "__main__":
    sys.exit(main())
