"""Orders that are paid in another system, by processes that are killed between the payment and its record.

    EFFECTS=FOLDER python -m tests.processes.killed_effects verify 10

pays so many orders in a run; at each its process is killed once, half of the times after the effect and half
before it. What it has come to is said as JSON. The other system is a file beside the store: a line for each
effect, by its key.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import podium
from podium import App, task, workflow
from tests import forkserver

FOLDER = Path(os.environ.get("EFFECTS", "."))
RUN = "orders"


def effects() -> list[str]:
    """The keys of the effects so far."""
    ledger = FOLDER / "ledger"
    return ledger.read_text().split() if ledger.exists() else []


def die_once(order: int, point: str) -> None:
    """Be killed the first time that this order comes to its point."""
    mark = FOLDER / f"killed-{order}"
    if point == ("after" if order % 2 else "before") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def effect(order: int) -> str:
    key = podium.idempotency_key()
    die_once(order, "before")
    with (FOLDER / "ledger").open("a") as ledger:
        ledger.write(f"{key}\n")
    die_once(order, "after")
    return key


def look(key: str, order: int) -> podium.Done | Any:
    return podium.Done(key) if key in effects() else podium.NOT_DONE


@task(verify=look)
def paid(order: int) -> str:
    return effect(order)


@task(once=True)
async def paid_once(order: int) -> str:
    return effect(order)


@workflow
async def verifies(count: int) -> list[str]:
    return [paid(order) for order in range(count)]


@workflow
async def pays_once(count: int) -> list[str]:
    return [await paid_once(order) for order in range(count)]


WORKFLOWS = {"verify": verifies, "once": pays_once}


def drive(kind: str, count: int) -> None:
    """Begin the run, or go on with it, until it has ended or is parked."""
    with App(f"sqlite:///{FOLDER / 'podium.db'}", notice=lambda _: None):
        run = WORKFLOWS[kind].options(id=RUN).start(count)
        try:
            run.result()
        except podium.RunParked:
            os._exit(3)


def settle(kind: str, count: int) -> None:
    """A person looks in the other system, and says what is known of the step over which the run is parked."""
    with App(f"sqlite:///{FOLDER / 'podium.db'}", drives="nothing", notice=lambda _: None):
        run = podium.get(RUN)
        entries = run.history()
        step = next(entry.step for entry in reversed(entries) if str(entry.kind) == "start")
        key = f"{RUN}:{step}"
        assert key in run.why(), run.why()
        if key in effects():
            run.settle(step, happened=key, by="tests")
        else:
            run.settle("paid_once", again=True, by="tests")


def in_a_process(act: Any, *args: Any) -> int:
    """Do it in a process of its own; its exit code, negative of a signal."""
    process = multiprocessing.get_context("fork").Process(target=act, args=args)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def main(kind: str, count: int) -> dict[str, Any]:
    """What it has come to."""
    kills = parked = 0
    while (code := in_a_process(drive, kind, count)) != 0:
        assert code in (-signal.SIGKILL, 3), code
        kills += code == -signal.SIGKILL
        if code == 3:
            parked += 1
            assert in_a_process(settle, kind, count) == 0
    done = Counter(effects())
    return {
        "kills": kills,
        "parked": parked,
        "twice": sum(times > 1 for times in done.values()),
        "lost": count - len(done),
    }


def prove(kills: int) -> int:
    """Both kinds, each in a folder of its own; the exit code."""
    expected = {"verify": 0, "once": kills}
    fine = True
    for kind, parked in expected.items():
        with tempfile.TemporaryDirectory() as folder:
            done = forkserver.run(
                [sys.executable, "-m", __spec__.name, kind, str(kills)],
                env={**os.environ, "EFFECTS": folder}, capture_output=True, text=True, check=True,
            )  # fmt: skip
        print(f"{kind}: {done.stdout.strip()}")
        fine &= json.loads(done.stdout) == {"kills": kills, "parked": parked, "twice": 0, "lost": 0}
    return 0 if fine else 1


if __name__ == "__main__":
    from tests.processes import killed_effects  # by its name, so that functions are known by it

    if sys.argv[1] == "prove":
        sys.exit(killed_effects.prove(int(sys.argv[2])))
    print(json.dumps(killed_effects.main(sys.argv[1], int(sys.argv[2]))))
