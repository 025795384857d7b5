"""Run the long proofs one after another and write docs/proof.md: `make prove`, or some: `prove.py sim`.

A proof is a command that exits 0 exactly when its claim holds, and whose last lines say with which numbers.
A selection replaces its own sections of the page, and each section names the commit that it was proved at;
what another machine has proved is not kept. Nothing on the page names the machine or a path of it.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import apsw

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "proof.md"
SECTION = re.compile(r"^## (\w+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
CHANGING = ("date", "commit")  # facts that may differ between sections
SOAK_MINUTES = int(os.environ.get("PROVE_SOAK_MINUTES", "60"))  # the page says how long it was


@dataclass(frozen=True)
class Proof:
    """`command` is run by this Python; `lines` is how many of its closing lines carry the numbers."""

    name: str
    claim: str
    command: str
    lines: int = 12
    hours_max: float = 2.0


PROOFS = (
    Proof(
        "sim",
        "20,000 simulated worlds with crashes, delays and ambiguous commits break no promise; every crash"
        " point of eight programs holds; every planted bug is caught.",
        "-m tests.sim --seeds 20000",
        lines=30,
    ),
    Proof(
        "worlds",
        "500 simulated worlds of each further kind break no promise: endless runs, families"
        " and their retries, effects, forks; pauses, names, answers; queues; cached results, values by"
        " reference, series; alerts, schedules.",
        "-m tests.sim --kinds all --seeds 500",
        lines=20,
    ),
    Proof(
        "chaos",
        "300 real kills of a 1,000-step run, a 10,000-wide fan-out and 200 concurrent runs: right results, no"
        " recorded step runs again, the store intact.",
        "-m tests.chaos kills --kills 300",
    ),
    Proof(
        "storm",
        "4 workers on one file, 2,000 runs of six steps (three at once, a durable sleep), 300 of the workers"
        " killed: all right, no step begins after it was shown as recorded, extra bodies <= kills * slots.",
        "-m tests.chaos storm --kills 300 --runs 2000",
    ),
    Proof(
        "mix",
        "The same with workers frozen for three leases, the write lock held, the disk full and the clock set:"
        " nothing acknowledged is lost, nobody alive is taken for dead for good, everything ends well.",
        "-m tests.chaos mix --faults 100 --runs 1000",
    ),
    Proof(
        "zombies",
        "A worker frozen for three leases while another finishes its run wakes up, 50 times: its result is"
        " never accepted, it says that it lost its runs, what depends on the step runs once.",
        "-m tests.chaos zombies --rounds 50",
    ),
    Proof(
        "soak",
        f"{SOAK_MINUTES} minutes at half of what the workers can do, with faults: memory, descriptors,"
        " threads and the file per run do not grow.",
        f"-m tests.chaos soak --minutes {SOAK_MINUTES}",
        lines=14,
    ),
    Proof(
        "instants",
        "Three workers, killed again and again for a minute, keep a schedule of one second: each instant has"
        " one run. 10,000 schedules that are due in one minute are fired within it by one worker.",
        "-m tests.chaos.instants",
        hours_max=0.5,
    ),
    Proof(
        "disk",
        "A failed sync, a full disk and a kill at every sync or write of a whole app: nothing acknowledged is"
        " lost, no recorded step runs again, nobody hangs.",
        "-m tests.chaos.disk",
    ),
    Proof(
        "effects",
        "A process is killed 100 times between an effect outside and its record: with verify= no effect is"
        " made twice and none is lost; with once=True none twice, and each that is not known parks its run.",
        "-m tests.processes.killed_effects prove 100",
    ),
    Proof(
        "sleepers",
        "100,000 sleeping runs cost less than 60 MB and 1 % of a processor; a history of 100,000 steps"
        " replays in linear time.",
        "-m tests.chaos.sleepers --runs 100000 --steps 100000",
    ),
    Proof(
        "fleet_storm",
        "The storm with the store on PostgreSQL: 2,000 runs, 300 kills, and all ended within a minute after.",
        "-m tests.chaos storm --postgres --kills 300 --runs 2000",
    ),
    Proof(
        "fleet_faults",
        "On PostgreSQL 20 immediate restarts of the server, an outage of 60 s, four leases without a way to"
        " it for a worker, 4 times, 20 kills: all ended within a minute, none by an error of the database.",
        "-m tests.chaos fleet --restarts 20 --outage 60 --cuts 4 --kills 20 --runs 600",
    ),
    Proof(
        "fleet_zombies",
        "The zombies with the store on PostgreSQL, 50 times: nothing of an old token is accepted.",
        "-m tests.chaos zombies --postgres --rounds 50",
    ),
    Proof(
        "fleet_commits",
        "Each third of a workflow's first 600 commits on PostgreSQL is cut off, on its way there or back: it"
        " goes on, and no body begins twice.",
        "-m tests.fleet.lost_replies --commits 200",
    ),
    Proof(
        "fleet_claims",
        "On PostgreSQL a claim takes a fifth longer at most with a million in line and ten million ended.",
        "-m bench.queues --postgres --runs 1000000 --ended 10000000 --at-most 1.2",
    ),
    Proof(
        "fleet_tenants",
        "Beside a tenant with a hundred times its load in a queue on PostgreSQL a task of a small one takes"
        " twice as long at most from its start to its end (p99).",
        "-m bench.tenants --at-most 2",
    ),
    Proof(
        "fleet_crowd",
        "A workflow of 100,000 tasks on PostgreSQL, of which one in a hundred fails, takes 768 MB at most.",
        "-m bench.crowd --tasks 100000 --mb 768",
    ),
    Proof(
        "fleet_versions",
        "The contract of the store holds on PostgreSQL 14, 16, 17 (in CI 15 and 18), and behind PgBouncer.",
        "-m tests.store.versions 14 16 17 pooled",
    ),
    Proof(
        "moderation",
        "The main job on the Python documentation, killed ten times at random moments, reports what it"
        " reports undisturbed.",
        "-m tests.examples.prove --kills 10",
    ),
)


@dataclass(frozen=True)
class Result:
    """What came of a proof."""

    proof: Proof
    held: bool
    seconds: float
    closing: list[str]


def run(proof: Proof) -> Result:
    """Run one proof, its output in the open; a proof that takes too long does not hold."""
    print(f"\n=== {proof.name}: python {proof.command}", flush=True)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *shlex.split(proof.command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,  # so that the children of a proof that hangs go with it
    )
    alarm = threading.Timer(proof.hours_max * 3600, os.killpg, (process.pid, signal.SIGKILL))
    alarm.start()
    closing: list[str] = []
    for line in process.stdout or ():
        print(line, end="", flush=True)
        if line.strip():
            closing = [*closing, without_paths(line.rstrip())][-proof.lines :]
    held = process.wait() == 0
    alarm.cancel()
    return Result(proof, held, time.monotonic() - began, closing)


def without_paths(line: str) -> str:
    """The page says nothing of where this machine keeps things."""
    line = line.replace(sys.executable, "python").replace(f"{ROOT}/", "")
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/\S*", "a temporary file", line)


def git(*args: str) -> str:
    return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> list[tuple[str, str]]:
    """What a reader needs to judge the numbers."""
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PAGE.relative_to(ROOT)}")
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        ("date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", git("rev-parse", "--short=12", "HEAD") + (" with local changes" if changed else "")),
        ("cores", str(os.cpu_count())),
        ("memory", f"{gigabytes:.0f} GB"),
        ("kernel", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("Python", platform.python_version()),
        ("SQLite", f"{apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})"),
    ]


def section(result: Result, commit: str) -> str:
    """What the page says of one proof."""
    verdict = "Held" if result.held else "**DID NOT HOLD**"
    said = f"{verdict}, {result.seconds:,.0f} s, at {commit}: `python {result.proof.command}`"
    lines = [
        f"## {result.proof.name}",
        "",
        result.proof.claim,
        "",
        said,
        "",
        "```text",
        *result.closing,
        "```",
    ]
    return "\n".join(lines) + "\n"


def page(facts: list[tuple[str, str]], sections: dict[str, str]) -> str:
    lines = [
        "# Proof",
        "",
        "The long numbers, written by `make prove` (some anew: `tools/prove.py storm`). Speeds depend",
        "on the machine below, ratios less so.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts),
        "",
    ]
    return "\n".join([*lines, *(sections[proof.name] for proof in PROOFS if proof.name in sections)])


def kept(facts: list[tuple[str, str]]) -> dict[str, str]:
    """The sections of the page as it is, if it was made on a machine like this one."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if any(f"| {name} | {value} |" not in text for name, value in facts if name not in CHANGING):
        return {}
    return {found[1]: found[0].rstrip() + "\n" for found in SECTION.finditer(text)}


def main(names: list[str]) -> int:
    unknown = set(names) - {proof.name for proof in PROOFS}
    if unknown:
        print(f"no such proof: {', '.join(sorted(unknown))}; there are: {', '.join(p.name for p in PROOFS)}")
        return 2
    facts = machine()  # before the run: the commit that is proved
    results = [run(proof) for proof in PROOFS if not names or proof.name in names]
    sections = kept(facts) if names else {}
    sections |= {result.proof.name: section(result, dict(facts)["commit"]) for result in results}
    PAGE.write_text(page(facts, sections), encoding="utf-8")
    print(f"\nWritten: {PAGE.relative_to(ROOT)}")
    return 0 if all(result.held for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
