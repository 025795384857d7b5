"""`podium why` names the true cause of every stillness, and the command that ends it: real stores, real
processes, really stopped and killed."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from podium import App, codec
from podium.functions import registry
from podium.model import EngineInfo, EngineRow, Fence, Move, NewRun, State, Write
from podium.opening import HostLocks, host_name
from tests import forkserver
from tests.cli.support import PODIUM, STORE, as_json, environment, place, podium, write_app
from tests.waiting import until

WHY_APP = """
import time
from datetime import datetime
from podium import Retry, task, workflow

@task
def hang() -> None:
    open("begun", "w").close()
    time.sleep(120)

@task(retries=Retry(times=3, wait=600, max_wait=600, jitter=False))
def flaky() -> None:
    raise ValueError("boom")

@workflow
def hangs() -> None:
    hang()

@workflow
def flakes() -> None:
    flaky()

@workflow
async def sleeps() -> None:
    import asyncio
    await asyncio.sleep(3600)

@workflow
def fails() -> None:
    raise KeyError("gone")

@workflow
def opens() -> str:
    return open("app.py").read()

@workflow
def ends() -> int:
    return 1
"""

HOLDS = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


class Still(NamedTuple):
    """A run that stands still, and what must be said of it."""

    run: str
    kind: str
    says: str
    fix: str  # begins like that; "": waiting is right


class World:
    """A project with a store, and what stands around it until the test ends."""

    def __init__(self, project: Path, stack: ExitStack) -> None:
        write_app(project, WHY_APP)
        self.file = project / ".podium" / "podium.db"
        self.stack = stack

    def start(self, workflow: str) -> subprocess.Popen[bytes]:
        """Drive it in a process of its own."""
        process = forkserver.Popen([*PODIUM, "run", f"app:{workflow}", "-q"], env=environment())
        self.stack.callback(process.wait, 20)
        self.stack.callback(process.kill)
        return process

    def hanging(self) -> subprocess.Popen[bytes]:
        process = self.start("hangs")
        until(Path("begun").exists)
        return process

    def app(self) -> App:
        return self.stack.enter_context(App(self.file, drives="nothing"))

    def engine(self, app: App, id: str, functions: dict[str, str], host: str = "", **about: Any) -> EngineRow:
        """An engine that lives (its lock is held), or whose host is another one."""
        row = EngineRow(id, 0, host or host_name(), os.getpid(), time.time(), EngineInfo(**about).written())
        locks = HostLocks(Path(f"{self.file}-locks"))
        locks.hold(id)
        self.stack.callback(locks.free)
        app.store.announce(row)
        app.store.claim(id, functions, 0, 0.0)
        return row

    def queued(
        self, app: App, function: str = "app:ends", fingerprint: str = "", due: float | None = None
    ) -> str:
        data, digest = codec.encode_call({}, where="f")
        new = NewRun("1queued", function, data, digest, time.time(), fingerprint=fingerprint, due=due)
        app.store.commit(None, [Write(new_runs=(new,))])
        return new.id


def timeless(said: str) -> str:
    """The same whether this machine took none or some seconds to come to the look."""
    return re.sub(r"\b\d{1,2} s ago", "just now", said)


@pytest.fixture
def world(project: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(project, stack)


def running(world: World) -> Still:
    process = world.hanging()
    return Still("@last", "running", f"it runs in process {process.pid} on {host_name()}", "")


def frozen(world: World) -> Still:
    process = world.hanging()
    process.send_signal(signal.SIGSTOP)
    return Still(
        "@last", "frozen", f"process {process.pid} on {host_name()} is stopped", f"kill -CONT {process.pid}"
    )


def killed(world: World) -> Still:
    process = world.hanging()
    process.kill()
    process.wait()
    return Still("@last", "orphaned", f"process {process.pid} on {host_name()} is dead", "podium resume ")


def retry_clock(world: World) -> Still:
    world.start("flakes")
    until(lambda: "retry" in podium("show", "@last", "--json").stdout)
    return Still("@last", "retrying", "flaky: try 2 in ", "")


def sleeping(world: World) -> Still:
    assert podium("run", "app:sleeps", "--wait", "0.3").returncode == 6
    return Still(
        "@last", "sleeping", "it sleeps, or waits with a deadline, that is over in ", "podium resume "
    )


def waiting_for_a_message(world: World) -> Still:
    app = world.app()
    world.engine(app, "e1", {})
    new = NewRun("1msg", "app:ends", b"{}", b"d", time.time(), owned=True)
    app.store.commit("e1", [Write(new_runs=(new,))])
    app.store.commit("e1", [Write(Fence("1msg", 1, frozenset({State.RUNNING})), Move(State.WAITING))])
    return Still("1msg", "message", "it waits for a message", "podium cancel 1msg")


def nobody_alive(world: World) -> Still:
    run = podium("run", "app:ends", "--detach").stdout.strip()
    return Still(
        run,
        "no-engine",
        "undriven: no engine is alive; whoever drives it needs app:ends",
        f"podium resume {run}",
    )


def nobody_offers_it(world: World) -> Still:
    app = world.app()
    world.engine(app, "e1", {"other:flow": "f"}, script="other.py")
    return Still(
        world.queued(app), "no-offer", "undriven: no live engine offers app:ends", "podium resume 1queued"
    )


def only_somebody_who_drives_another(world: World) -> Still:
    app = world.app()
    world.engine(app, "e1", {"app:ends": "f"}, run="1other")
    says = "undriven: app:ends is there, but every engine that has it drives only its own runs"
    return Still(world.queued(app), "no-offer", says, "podium resume 1queued")


def somebody_drives_it_alone(world: World) -> Still:
    app = world.app()
    world.engine(app, "e1", {"app:ends": "f"}, run="1queued")
    return Still(world.queued(app), "due", "it is ready to be taken", "")


def its_module_is_broken_there(world: World) -> Still:
    app = world.app()
    broken = {"app": "ModuleNotFoundError: No module named 'polars' (app.py:2)"}
    world.engine(app, "e1", {}, kind="worker", modules=("app",), broken=broken)
    return Still(
        world.queued(app), "broken-module", "No module named 'polars' (app.py:2)", "mend app: that process"
    )


def only_other_code(world: World) -> Still:
    app = world.app()
    world.engine(app, "e1", {"app:ends": "new"})
    run = world.queued(app, fingerprint="old")
    return Still(run, "other-code", "app:ends is offered only with other code", "bring back its code")


def ready(world: World) -> Still:
    app = world.app()
    world.engine(app, "e1", {"app:ends": "f"})
    return Still(world.queued(app, fingerprint="f"), "due", "it is ready to be taken, due just now", "")


def delayed(world: World) -> Still:
    world.app()
    sys.path.insert(0, os.getcwd())
    world.stack.callback(sys.path.remove, os.getcwd())
    world.stack.callback(registry.pop, "app:ends", None)
    world.stack.callback(sys.modules.pop, "app", None)
    run = importlib.import_module("app").ends.options(delay=7200).start()
    return Still(run.id, "delayed", "it was told to begin in ", "podium resume ")


def parked(world: World) -> Still:
    podium("run", "app:opens")
    line = place('return open("app.py").read()', WHY_APP)
    return Still("@last", "parked", f"E130: {line}", "podium resume ")


def failed(world: World) -> Still:
    podium("run", "app:fails")
    return Still("@last", "failed", "it failed: KeyError: 'gone'", "mend the code, then: podium retry ")


def cancelled(world: World) -> Still:
    podium("cancel", podium("run", "app:ends", "--detach").stdout.strip())
    return Still("@last", "cancelled", "it was cancelled just now", "")


def succeeded(world: World) -> Still:
    podium("run", "app:ends")
    return Still("@last", "succeeded", "it succeeded just now", "")


def cancel_not_taken(world: World) -> Still:
    podium("run", "app:sleeps", "--wait", "0.3")
    assert "whoever drives it next" in podium("cancel", "@last").stderr
    return Still("@last", "cancelling", "cancel was asked for just now", "podium resume ")


def store_is_held(world: World) -> Still:
    run = podium("run", "app:ends", "--detach").stdout.strip()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(world.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    world.stack.callback(holder.communicate)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return Still(
        run,
        "store-busy",
        f"process {holder.pid} ({sys.executable}",
        f"wait for it, or end it: kill {holder.pid}",
    )


def silent(world: World) -> Still:
    app = world.app()
    world.engine(app, "e1", {}, host="elsewhere")
    new = NewRun("1far", "app:ends", b"{}", b"d", time.time(), owned=True)
    app.store.commit("e1", [Write(new_runs=(new,))])
    what = f"its process {os.getpid()} on elsewhere is silent: another engine takes it over within 10 s"
    return Still("1far", "silent", what, "podium resume 1far")


STILLNESSES = (
    running, killed, silent, retry_clock, sleeping, waiting_for_a_message, delayed,
    nobody_alive, nobody_offers_it, only_somebody_who_drives_another, somebody_drives_it_alone,
    its_module_is_broken_there, only_other_code, ready,
    parked, failed, cancelled, succeeded, cancel_not_taken,
)  # fmt: skip
TOLD_BY_LINUX = (frozen, store_is_held) if Path("/proc/locks").exists() else ()


@pytest.mark.parametrize(
    "still", [*STILLNESSES, *TOLD_BY_LINUX], ids=lambda still: still.__name__.replace("_", " ")
)
def test_why_names_the_true_cause_and_what_ends_it(world: World, still: Callable[[World], Still]) -> None:
    made = still(world)
    said = as_json("why", made.run)
    assert said["kind"] == made.kind, said
    assert made.says in timeless(said["what"])
    assert said["fix"].startswith(made.fix) if made.fix else said["fix"] == ""
    shown = podium("why", said["id"]).stdout if made.kind != "silent" else ""
    assert said["fix"] in shown or made.kind == "silent"
    if made.kind == "failed":
        assert place('raise KeyError("gone")', WHY_APP) in shown


def test_what_a_message_made_due_at_once_is_not_due_since_the_epoch(world: World) -> None:
    app = world.app()
    world.engine(app, "e1", {"app:ends": "f"})
    world.queued(app, fingerprint="f", due=0.0)
    said = as_json("why", "1queued")
    assert said["what"] == "it is ready to be taken"
    assert "years" not in str(said)
    assert "runs with" not in str(said["details"])


def test_the_details_name_who_will_be_there(world: World) -> None:
    app = world.app()
    world.engine(app, "e1", {"app:ends": "f"}, script="serve.py")
    world.queued(app, fingerprint="f")
    (detail,) = as_json("why", "1queued")["details"]
    who = f"process {os.getpid()} on {host_name()} (started by serve.py)"
    assert detail == f"{who} takes it as soon as it has room"


def test_a_run_that_is_late_says_how_much_its_engine_has_to_do(world: World) -> None:
    app = world.app()
    world.engine(app, "e1", {"app:ends": "f"}, slots=2)
    owned = [NewRun(f"1own{n}", "app:ends", b"{}", b"d", time.time(), owned=True) for n in range(3)]
    app.store.commit("e1", [Write(new_runs=(new,)) for new in owned])
    late = NewRun("1late", "app:ends", b"{}", b"d", time.time() - 60, fingerprint="f")
    app.store.commit(None, [Write(new_runs=(late,))])
    said = as_json("why", "1late")
    assert said["what"] == "it is ready to be taken, due 1 min ago"
    assert said["details"][0].endswith("takes it as soon as it has room: it drives 3 runs with 2 slots")


def test_a_run_whose_steps_wait_for_a_slot_says_so(world: World) -> None:
    app = world.app()
    world.engine(app, "e1", {}, slots=1)
    for run in ("1first", "1second"):
        new = NewRun(run, "app:ends", b"{}", b"d", time.time(), owned=True)
        app.store.commit("e1", [Write(new_runs=(new,))])
    said = as_json("why", "1second")
    assert said["kind"] == "running"
    assert said["details"][-1] == "that process drives 2 runs with 1 slot: steps wait in line"


def test_why_others_do_not_help_is_told_beside_a_run(world: World) -> None:
    app = world.app()
    for engine in ("e1", "e2", "e3"):
        world.engine(app, engine, {"app:ends": "f"})
    wide, more = (NewRun(run, "app:ends", b"{}", b"d", time.time(), owned=True) for run in ("1wide", "1more"))
    app.store.commit("e1", [Write(new_runs=(wide,))])
    told = "2 engines that serve it have nothing to do: a run's tasks run in the one process that drives it"
    assert as_json("why", "1wide")["details"][-1] == told
    app.store.commit("e2", [Write(new_runs=(more,))])
    assert as_json("why", "1wide")["details"][-1].startswith("another engine that serves it has nothing")


def test_what_a_run_was_at_is_told_when_it_is_on_record(world: World) -> None:
    killed(world)  # from now on each attempt is on record before it begins
    Path("begun").unlink()
    process = world.start("hangs")
    until(Path("begun").exists)
    said = as_json("why", "@last")
    (detail,) = said["details"]
    assert (said["kind"], timeless(detail)) == ("running", "hang: try 1 began just now")
    assert f"process {process.pid}" in said["what"]


def test_a_sleeping_run_says_that_nobody_will_be_there(world: World) -> None:
    sleeping(world)
    assert as_json("why", "@last")["details"] == [
        "by then: undriven: no engine is alive; whoever drives it needs app:sleeps"
    ]
    assert podium("why", "@last", "-q").stdout == "sleeping\n"


@pytest.mark.parametrize("seconds", ["1e12", "1e300"])
def test_a_sleep_without_end_is_said_in_a_line(project: Path, seconds: str) -> None:
    write_app(project)
    podium("run", "app:sleeps", "--id", "long", "--wait", "0.3", "--", "--seconds", seconds)
    why = podium("why", "long")
    assert "it sleeps, or waits with a deadline, that is over in more than 30 years" in why.stdout
    assert as_json("show", "long")["due"] == "9999-12-31T23:59:59+00:00"


def test_a_notice_that_nobody_gets_through_says_what_was_wrong_and_of_which_run(project: Path) -> None:
    Path("left.py").write_text(
        "from podium import App, Options, alert, workflow\n"
        "@workflow(alerts=[alert.failed('http://127.0.0.1:9/hook')])\n"
        "def watch(): raise ValueError('too hot')\n"
        "with App(options=Options(grace=0.2)): watch.options(id='1watch').run()\n"
    )
    assert forkserver.run([sys.executable, "left.py"], timeout=30).returncode == 1
    with closing(sqlite3.connect(STORE)) as store, store:  # five seconds later
        store.execute("UPDATE runs SET due = ? WHERE function = 'podium:alert'", (time.time() - 1,))
    said = as_json("why", "@last")
    assert said["kind"] == "no-engine"
    assert said["details"][0].startswith("deliver(channel='http://127.0.0.1:9/")
    assert ", after ConnectionError: http://127.0.0.1:9/" in said["details"][0]
    about = (
        "about={'kind': 'failed', 'function': 'left:watch', 'said': 'ValueError: too hot', 'run': '1watch'"
    )
    assert about in podium("runs", "function:alert").stdout
