"""Running the script again resumes what a killed one left: real processes, real kills."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import podium
from podium import App
from podium.model import Query
from tests import forkserver
from tests.waiting import until

SCRIPT = '''
import asyncio, os, signal, sys, time
import podium
from podium import App, Options, Retry, RunParked, task, workflow

def note(text):
    with open("ledger", "a") as ledger:
        ledger.write(f"{text}\\n")

def ledger():
    return open("ledger").read().splitlines()

def die(at):
    """Once: at the first start of this step, in the process that is told to."""
    if os.environ.get("DIE") == at:
        os.kill(os.getpid(), signal.SIGKILL)

@task
def step(n):
    note(f"step {n}")
    die(f"step {n}")
    if "both" in os.environ.get("DIE", "") and n == 3:
        while ledger().count("step 3") < 2:
            time.sleep(0.001)
        die("both at step 3")
    return n

@task
async def astep(n):
    note(f"astep {n}")
    die(f"astep {n}")
    return n

@task(retries=Retry(times=4, wait=0.6, factor=1, jitter=False))
def flaky():
    note(f"attempt {podium.attempt()} key {podium.idempotency_key().partition(':')[2]} at {time.time():.2f}")
    die(f"attempt {podium.attempt()}")
    if podium.attempt() < 3:
        raise ConnectionError("not yet")
    return podium.fencing_token()

@task
def exits():
    note(f"exits {podium.attempt()}")
    os._exit(9)

@task
def stays():
    note("stays")
    time.sleep(30)

@workflow
def pipeline(n):
    return sum(step(i) for i in range(n))

@workflow
async def wide(n):
    return sum(await astep.map(range(n), limit=4))

@workflow
def retrying():
    first = step(0)
    return list(flaky())

@workflow
def napping():
    before = step(0)
    podium.sleep(float(os.environ["NAP"]))
    return step(1)

@workflow
async def anapping():
    step(0)
    await asyncio.sleep(float(os.environ["NAP"]))

@task
def finishes():
    note("finishing")
    while not os.path.exists("go"):
        time.sleep(0.001)

@workflow
def finishing():
    finishes()

@workflow
def exiting():
    return exits()

@workflow
def staying():
    step(0)
    return stays()

async def amain():
    return await wide(8)

if __name__ == "__main__":
    match sys.argv[1]:
        case "pipeline": print(pipeline.run(10))
        case "twice": print(pipeline.run(3), pipeline.run(3))
        case "two at once":
            runs = [pipeline.start(4), pipeline.start(4)]
            print(sorted(run.id for run in runs), [run.result() for run in runs])
        case "wide": print(asyncio.run(amain()))
        case "retrying": print(retrying.run())
        case "napping": print(napping.run())
        case "called": print(napping())
        case "a start":
            run = napping.start()
            assert run.id  # it is on record
            note("started")
            print(run.result())
        case "awaited": print(asyncio.run(anapping()))
        case "finishing": finishing()
        case "staying": print(staying.run())
        case "with an id": print(pipeline.options(id="mine").run(10))
        case "with a name": print(pipeline.options(unique="mine").run(10))
        case "started with an id": print(pipeline.options(id="mine").start(10).result())
        case "exiting":
            try:
                exiting.run()
            except RunParked as parked:
                print(parked)
'''


class Script:
    """The script, run in a project of its own."""

    def __init__(self, home: Path, python: list[str]) -> None:
        self.home, self.python = home, python
        self.left: list[subprocess.Popen[str]] = []
        (home / "shop.py").write_text(SCRIPT)

    def begin(self, what: str, **env: str) -> subprocess.Popen[str]:
        process = forkserver.Popen(
            [*self.python, "shop.py", what],
            cwd=self.home,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.left.append(process)
        return process

    def run(self, what: str, **env: str) -> tuple[int, str, str]:
        """Exit status, output, errors."""
        process = self.begin(what, **env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.strip(), err

    def killed(self, what: str, at: str, **env: str) -> None:
        """Run it until it kills itself at the start of that step."""
        status, _, err = self.run(what, DIE=at, **env)
        assert status == -signal.SIGKILL, err

    @property
    def ledger(self) -> list[str]:
        return (self.home / "ledger").read_text().splitlines()

    def wait_for(self, line: str) -> None:
        until(lambda: (self.home / "ledger").exists() and line in self.ledger)

    def wait_for_record(self, entries: int) -> None:
        """Until so many entries of its run are on record."""
        with self.looking() as app:
            until(lambda: sum(row.entries for row in app.find(Query())) >= entries)

    def looking(self) -> App:
        """Its store, for who drives nothing."""
        return App(self.home / ".podium" / "podium.db", drives="nothing")


@pytest.fixture
def script(project: Path, python: list[str]) -> Iterator[Script]:
    script = Script(project, python)
    yield script
    for process in script.left:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_killed_script_goes_on_where_it_was(script: Script) -> None:
    script.killed("pipeline", at="step 6")
    status, out, err = script.run("pipeline")
    assert (status, out) == (0, "45")
    assert re.search(r"resumed \w+: \d+ steps on record", err)  # it may have gone on before it says so
    assert script.ledger == [f"step {n}" for n in [0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9]]


def test_killed_again_and_again(script: Script) -> None:
    for at in ("step 1", "step 2", "step 2", "step 7"):
        script.killed("pipeline", at=at)
    assert script.run("pipeline")[:2] == (0, "45")
    assert sorted(set(script.ledger)) == sorted(f"step {n}" for n in range(10))
    assert len(script.ledger) == 10 + 4


def test_a_fan_out_repeats_only_what_was_in_flight(script: Script) -> None:
    script.killed("wide", at="astep 6")
    assert script.run("wide")[:2] == (0, "28")
    assert len(script.ledger) <= 8 + 4
    assert set(script.ledger) == {f"astep {n}" for n in range(8)}


def test_a_finished_run_is_not_resumed(script: Script) -> None:
    assert script.run("pipeline")[:2] == (0, "45")
    status, out, err = script.run("pipeline")
    assert (status, out) == (0, "45")
    assert "resumed" not in err
    assert len(script.ledger) == 20


def test_called_twice_alike(script: Script) -> None:
    """The first finished, the second was cut off: run again, the first call finds the second's run."""
    script.killed("pipeline", at="step 0")
    (script.home / "ledger").unlink()
    process = script.begin("twice")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip()) == (0, "3 3")
    assert "resumed" not in err, "other arguments are another run"


def test_two_runs_alike_at_once_find_each_its_own(script: Script) -> None:
    script.killed("two at once", at="both at step 3")
    status, out, err = script.run("two at once")
    assert status == 0, err
    assert out.endswith("[6, 6]")
    resumed = re.findall(r"resumed (\w+):", err)
    assert len(set(resumed)) == 2, out + err
    assert out.startswith(str(sorted(resumed)))


def test_a_paused_run_waits_for_its_person_also_when_the_edited_script_is_run_again(script: Script) -> None:
    script.killed("pipeline", at="step 5")
    with script.looking():
        (run,) = podium.runs()
        run.pause(by="ada")
    script.run("pipeline")  # takes the run from its dead owner, and parks it
    source = (script.home / "shop.py").read_text()
    (script.home / "shop.py").write_text(source.replace("return sum(step(i)", "return 0 + sum(step(i)"))
    status, _, err = script.run("pipeline")
    assert status == 1
    assert f"this call has run {run.id}, which is parked: 5 steps on record" in err
    assert "paused by ada" in err
    assert "resumed" not in err
    assert script.ledger == [f"step {n}" for n in range(6)]


@pytest.mark.parametrize("how", ["pipeline", "with an id", "started with an id", "with a name"])
def test_a_mended_script_goes_on_with_its_parked_run_however_that_is_named(script: Script, how: str) -> None:
    source = (script.home / "shop.py").read_text()
    body = "    return sum(step(i) for i in range(n))"
    spoiled = source.replace(body, f"    open('ledger').close() if {body[11:]} else 0", 1)
    assert spoiled != source
    (script.home / "shop.py").write_text(spoiled)
    assert "would happen again on every resume" in script.run(how)[2]
    (script.home / "shop.py").write_text(spoiled.replace("else 0", "else 1"))
    assert "would happen again on every resume" in script.run(how)[2], (
        "other code, which does not fit either, says so of itself"
    )
    (script.home / "shop.py").write_text(source)
    status, out, err = script.run(how)
    assert (status, out) == (0, "45"), err
    assert re.search(r"podium: resumed \w+: 10 steps on record", err)
    assert script.ledger == [f"step {n}" for n in range(10)]


def test_a_parked_run_of_this_very_code_is_named_to_who_starts_it_again_by_its_id(script: Script) -> None:
    source = (script.home / "shop.py").read_text()
    body = "    return sum(step(i) for i in range(n))"
    (script.home / "shop.py").write_text(source.replace(body, f"    open('ledger')\n{body}", 1))
    assert "would happen again on every resume" in script.run("with an id")[2]
    err = script.run("with an id")[2]
    assert "podium: this call has run mine, which is parked: 0 steps on record" in err
    assert "would happen again on every resume" in err


def test_a_live_run_is_never_attached_to(script: Script) -> None:
    first = script.begin("staying")
    script.wait_for("stays")
    second = script.begin("staying")
    until(lambda: script.ledger.count("stays") == 2)
    assert script.ledger == ["step 0", "stays", "step 0", "stays"]
    for process in (first, second):
        assert process.poll() is None
        process.kill()
        assert "resumed" not in process.communicate()[1]


def test_an_interrupted_script_hands_its_run_back_and_says_so_on_the_next_start(script: Script) -> None:
    process = script.begin("napping", NAP="30")
    script.wait_for("step 0")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode != 0
    *_, error, line = err.splitlines()
    assert error == "KeyboardInterrupt"
    assert re.fullmatch(
        r"podium: stopped run \w+ \(1 step on record\); "
        r"go on: run the script again, or podium resume \w+",
        line,
    )
    process = script.begin("napping", NAP="30")
    assert process.stderr is not None
    assert "resumed" in process.stderr.readline()
    assert script.ledger == ["step 0"], "what is recorded does not run again"


@pytest.mark.parametrize("call", ["napping", "called", "a start", "awaited"])
def test_an_interrupted_script_shows_where_it_stood_and_none_of_our_frames(script: Script, call: str) -> None:
    process = script.begin(call, NAP="30")
    script.wait_for("started" if call == "a start" else "step 0")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "shop.py" in err
    assert f"declare{os.sep}" not in err
    assert f"client{os.sep}" not in err
    assert "Exception ignored" not in err
    assert err.splitlines()[-1].startswith("podium: stopped run ")


def test_what_ends_within_the_grace_of_an_interrupted_script_is_said(script: Script) -> None:
    process = script.begin("finishing")
    script.wait_for("finishing")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while process.stderr.readline() != "KeyboardInterrupt\n":
        pass
    (script.home / "go").touch()
    _, err = process.communicate(timeout=20)
    assert re.fullmatch(r"podium: run (\w+) succeeded all the same: podium show \1", err.strip())


def test_a_sleep_that_ended_meanwhile_is_over(script: Script) -> None:
    process = script.begin("napping", NAP="3")
    script.wait_for("step 0")
    script.wait_for_record(1)
    process.kill()
    process.communicate()
    time.sleep(3)
    began = time.monotonic()
    assert script.run("napping", NAP="3")[:2] == (0, "1")
    assert time.monotonic() - began < 3  # it would sleep as long again
    assert script.ledger == ["step 0", "step 1"]


def test_the_same_id_is_found_again(script: Script) -> None:
    script.killed("with an id", at="step 4")
    assert script.run("with an id")[:2] == (0, "45")
    assert len(script.ledger) == 11
    assert script.run("with an id")[:2] == (0, "45")
    assert len(script.ledger) == 11, "its result is on record"


def test_retries_outlive_a_kill(script: Script) -> None:
    """Counts go on, the key stays, the token grows; the time until the next attempt is kept."""
    script.killed("retrying", at="attempt 2")
    script.killed("retrying", at="attempt 3")
    status, out, _ = script.run("retrying")
    assert status == 0
    attempts = [line.split() for line in script.ledger if line.startswith("attempt")]
    numbers = [int(words[1]) for words in attempts]
    assert numbers[0] == 1
    assert numbers == sorted(numbers)
    assert numbers[-1] >= 3
    assert len({words[3] for words in attempts}) == 1
    token = ast.literal_eval(out)
    assert token[0] > 1
    assert token[1] == numbers[-1]


def test_a_backoff_outlives_a_kill(script: Script) -> None:
    process = script.begin("retrying")
    until(lambda: (script.home / "ledger").exists())
    script.wait_for_record(2)  # of its first step, and of the failed attempt
    process.kill()
    process.communicate()
    assert script.run("retrying")[0] == 0
    times = [float(line.rpartition(" ")[2]) for line in script.ledger if line.startswith("attempt")]
    assert len(times) == 3, "the failed attempt counts, though its process died since"
    assert times[1] - times[0] >= 0.59


def test_a_step_that_kills_its_process_again_and_again_is_parked(script: Script) -> None:
    for _ in range(8):
        status, out, _ = script.run("exiting")
        if status != 9:
            break
    assert status == 0
    assert re.search(r"exits was lost with its process \d times", out)
    assert "podium resume" in out
    # The first loss is on nobody's account; from then on every attempt is on record before it begins.
    assert 4 <= len(script.ledger) <= 6
    assert script.ledger == ["exits 1", *(f"exits {n + 1}" for n in range(len(script.ledger) - 1))]
