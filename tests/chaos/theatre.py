"""A store, a ledger, gates, and the processes that play on them: for tests that are told as scenes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests import forkserver
from tests.chaos.ledger import Ledger, Line
from tests.chaos.trial import ROOT
from tests.chaos.witness import View
from tests.waiting import until

PATIENCE = 30.0


class Theatre:
    """Processes of `tests.chaos.gated`; `close` it at the end."""

    def __init__(self, folder: Path, store: Path | None = None) -> None:
        self.folder = folder
        self.store, self.ledger = store or folder / "a.db", Ledger(folder / "ledger")
        self.lines: list[Line] = []
        self.processes: list[subprocess.Popen[str]] = []
        (folder / "gates").mkdir()
        self.open("end")

    def start(self, gate: str, lease: float = 10.0, grace: float = 0.3) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "PODIUM_URL": str(self.store),
            "CHAOS_LEDGER": str(self.ledger.file),
            "CHAOS_GATES": str(self.folder / "gates"),
        }
        command = [sys.executable, "-m", "tests.chaos.gated", gate, str(lease), str(grace)]
        process = forkserver.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def open(self, gate: str) -> None:
        (self.folder / "gates" / gate).touch()

    def shut(self, gate: str) -> None:
        (self.folder / "gates" / gate).unlink()

    def wait_for(self, what: Callable[[], object]) -> None:
        """Until it is true."""
        until(what, lambda: f"the ledger says {self.lines}")

    def noted(self, value: str) -> list[Line]:
        """Lines with this value, or ending with it."""
        self.lines += self.ledger.new()
        return [line for line in self.lines if line.value.endswith(value)]

    def at_the_gate(self, process: subprocess.Popen[str], gate: str) -> str:
        """Wait until the process is held up there; the id of its run."""
        self.wait_for(lambda: self.noted(f"{process.pid}-{gate}-first") or process.poll() is not None)
        run = self.noted(f"{process.pid}-{gate}-first")[0].run
        self.wait_for(lambda: [line for line in self.noted("begins") if line.run == run])
        return run

    def ends(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Its exit code and what it printed and said."""
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out.strip(), err

    def hears(self, process: subprocess.Popen[str], words: str) -> None:
        """Wait until it says something on its standard error; the first thing must be this."""
        assert process.stderr is not None
        line = process.stderr.readline()
        assert words in line, f"said {line!r}"

    def state(self, run: str) -> str:
        return View(self.store).runs[run][0]

    def results(self, run: str) -> list[str]:
        """Its recorded values, each step's exactly once."""
        values = {step: values for (of, step), values in View(self.store).results().items() if of == run}
        assert all(len(each) == 1 for each in values.values())
        return [each[0] for each in values.values()]

    def close(self) -> None:
        """End whoever is left."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
