"""Run the main job in a child process, kill it on the way, run it again, and count what really happened."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import msgspec

from podium import codec

from .orchestrator import Report
from .servers import stop

ROOT = Path(__file__).resolve().parents[2]  # from where `examples` is importable


@dataclass(frozen=True)
class Job:
    """The main job as a command. `folder` holds its store, so the same job again finds its past."""

    url: str
    folder: Path
    options: tuple[str, ...] = ()
    module: str = "examples.content_moderation"

    def start(self, stderr: IO[bytes] | None) -> subprocess.Popen[bytes]:
        """Start it, its output into the file `output`; `stderr=None` leaves the live view on the terminal."""
        (self.folder / ".podium").mkdir(parents=True, exist_ok=True)  # marks where the store belongs
        environment = dict(os.environ)
        if not environment.get("PODIUM_URL", "").startswith("postgresql:"):  # that is in no folder
            environment.pop("PODIUM_URL", None)
        paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).resolve()) for path in paths)
        with self.output.open("wb") as stdout:
            return subprocess.Popen(
                self.command(), cwd=self.folder, env=environment, stdout=stdout, stderr=stderr
            )

    def command(self) -> list[str]:
        """What is run."""
        return [sys.executable, "-m", self.module, self.url, *self.options]

    def report(self) -> Report:
        """What it printed at the end, as JSON."""
        return msgspec.json.decode(self.output.read_bytes(), type=Report)

    @property
    def output(self) -> Path:
        """What the last start printed."""
        return self.folder / "output.txt"


class WatchedJob(Job):
    """The same workflow through `podium run`, which shows it live while it runs."""

    def command(self) -> list[str]:
        """Options are the workflow's own parameters."""
        workflow = "examples.content_moderation.orchestrator:moderate_site"
        given = [option for option in self.options if option != "--json"]
        return [sys.executable, "-m", "podium", "run", workflow, "--json", "--", "--start", self.url, *given]

    def report(self) -> Report:
        """The recorded result in what `podium run --json` says of the run."""
        said = msgspec.json.decode(self.output.read_bytes())
        return codec.decode(msgspec.json.encode(said["result"]), Report)


@dataclass(frozen=True)
class Trial:
    """What came of a job: its report, the requests by address, and how often it was killed."""

    report: Report
    gets: Counter[str]
    kills: int
    seconds: float

    @property
    def repeated(self) -> int:
        """GETs beyond the first of each address."""
        return self.gets.total() - len(self.gets)


class JobFailed(RuntimeError):
    """The job ended by itself, without a report."""


def run(
    job: Job,
    gets: Callable[[], Counter[str]],
    kill_after: Sequence[int] = (),
    *,
    stderr: IO[bytes] | None = None,
    on_kill: Callable[[int], None] = lambda gets: None,
) -> Trial:
    """Run `job` to its report, with a SIGKILL each time it made that many further requests.

    `gets` counts requests by address from a log that outlives the job. A job that ends before a kill is
    not started again, so `Trial.kills` says how many there really were.
    """
    began, kills = time.monotonic(), 0
    job = replace(job, options=(*job.options, "--json"))
    process = job.start(stderr)
    try:
        for more in kill_after:
            if not _reaches(process, gets, gets().total() + more):
                break
            process.kill()
            process.wait()
            kills += 1
            on_kill(gets().total())
            process = job.start(stderr)
        if process.wait() not in (0, 1):
            raise JobFailed(f"the job ended with code {process.returncode}")
    finally:
        if process.poll() is None:  # interrupted
            stop(process)
    return Trial(job.report(), gets(), kills, time.monotonic() - began)


def _reaches(process: subprocess.Popen[bytes], gets: Callable[[], Counter[str]], goal: int) -> bool:
    """Wait until `goal` requests are in the log; False when the process ends before."""
    while process.poll() is None:
        if gets().total() >= goal:
            return True
        time.sleep(0.002)  # a log has no event to wait for
    return False
