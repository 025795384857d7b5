"""What tasks print and log is on record with their runs: when, of which attempt, how much, at what cost."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import App, Options, Retry, Run, TaskTimeout, attempt, task, workflow
from podium.executors import capture
from podium.model import STDERR, STDOUT, LogLine, State
from tests import forkserver
from tests.waiting import until

log = logging.getLogger("tests.embedded.logs")
spoke, go_on = threading.Event(), threading.Event()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log, "level", logging.INFO)
    spoke.clear()
    go_on.clear()
    yield
    go_on.set()


def lines(app: App, run: Run[object]) -> list[LogLine]:
    return app.store.logs(run.id)


def told(app: App, run: Run[object]) -> list[tuple[str, int, int, str]]:
    return [(line.step.rpartition("/")[2], line.attempt, line.level, line.text) for line in lines(app, run)]


@task
def says(what: str) -> str:
    print("printed", what)
    log.info("logged %s", what)
    return what


@task
async def says_async(what: str) -> str:
    print("async", what)
    await asyncio.sleep(0)
    sys.stderr.write("no newline")
    return what


@task(retries=Retry(times=2, wait=0.001))
def third_time() -> int:
    print("try", attempt())
    if attempt() < 3:
        raise ValueError(attempt())
    return attempt()


@task
def speaks_and_waits() -> None:
    print("waiting")
    spoke.set()
    go_on.wait(30)
    print("done")


@task(timeout=0.05)
def overruns() -> None:
    print("before")
    go_on.wait(30)
    print("after")
    spoke.set()


@task
async def stays() -> None:
    print("here")
    spoke.set()
    await asyncio.sleep(60)


@task
def silent(n: int) -> int:
    return n


@task
def floods(count: int) -> None:
    spoke.set()
    for n in range(count):
        print(n)


@workflow
async def story() -> None:
    log.info("the body begins")
    says("one")
    await says_async("two")


@workflow
def tries() -> int:
    return third_time()


@workflow
def one_quiet(n: int) -> int:
    return silent(n)


@workflow
def one_loud(n: int) -> int:
    return len(says(str(n)))


@workflow
def waits() -> None:
    speaks_and_waits()


@workflow
def too_long() -> str:
    try:
        overruns()
    except TaskTimeout:
        return "too long"
    return "in time"


@workflow
async def gives_up() -> str:
    spoken = stays.start()
    while not spoke.is_set():
        await asyncio.sleep(0.01)
    spoken.cancel()
    await says_async("after")
    return "gave up"


@workflow
async def naps() -> None:
    log.info("begins")
    silent(1)
    log.info("before")
    await asyncio.sleep(0.05)
    log.info("after")


@workflow
def flood(count: int) -> None:
    floods(count)


def test_prints_and_records_are_on_record_in_order_with_their_steps(app: App) -> None:
    run = story.start()
    run.result()
    assert told(app, run) == [
        ("", 0, logging.INFO, "the body begins"),
        ("says", 1, STDOUT, "printed one"),
        ("says", 1, logging.INFO, "logged one"),
        ("says_async", 1, STDOUT, "async two"),
        ("says_async", 1, STDERR, "no newline"),
    ]
    assert [line.n for line in lines(app, run)] == [1, 2, 3, 4, 5]
    assert app.load(run.id).logs == 5
    ats = [line.at for line in lines(app, run)]
    assert ats == sorted(ats)


def test_each_try_keeps_its_own_lines(app: App) -> None:
    run = tries.start()
    assert run.result() == 3
    assert [(line.attempt, line.text) for line in lines(app, run)] == [
        (1, "try 1"),
        (2, "try 2"),
        (3, "try 3"),
    ]


def test_a_quick_task_that_speaks_costs_no_commit_more(store: Path) -> None:
    with App(store, options=Options(poll=30)) as app:
        commits: dict[str, int] = {}
        for name, call in (("warm", one_loud), ("quiet", one_quiet), ("loud", one_loud)):
            before = app.host.engine.committer.commits
            call.run(1)
            commits[name] = app.host.engine.committer.commits - before
        assert commits["loud"] == commits["quiet"]
        assert not app.host.engine.logs._buffers.open_attempts, "nobody is kept"


def test_what_a_task_says_while_it_runs_is_there_soon(app: App) -> None:
    run = waits.start()
    until(lambda: lines(app, run))
    assert app.load(run.id).state is State.RUNNING
    assert [line.text for line in lines(app, run)] == ["waiting"]
    go_on.set()
    run.result()
    assert [line.text for line in lines(app, run)] == ["waiting", "done"]


def test_of_a_task_that_overran_the_lines_until_then_are_kept(app: App) -> None:
    run = too_long.start()
    assert run.result() == "too long"
    go_on.set()
    assert spoke.wait(30)
    assert [line.text for line in lines(app, run)] == ["before"]


def test_of_a_cancelled_step_the_lines_until_then_are_kept(app: App) -> None:
    run = gives_up.start()
    assert run.result() == "gave up"
    assert sorted(line.text for line in lines(app, run)) == ["async after", "here", "no newline"]


def test_the_lines_of_what_still_runs_come_with_the_end_of_the_run(store: Path) -> None:
    with App(store, options=Options(poll=30, grace=0.1)) as app:
        run = waits.start()
        assert spoke.wait(30)
        run.cancel()
        until(lambda: app.load(run.id).state is State.CANCELLED)
        assert [line.text for line in lines(app, run)] == ["waiting"]


def test_closing_keeps_what_was_said_and_the_next_owner_goes_on(store: Path) -> None:
    with App(store, options=Options(poll=30, grace=0.05)) as app:
        run = waits.start()
        assert spoke.wait(30)
    go_on.set()
    with App(store) as app:
        waits.options(id=run.id).run()
        assert [line.text for line in app.store.logs(run.id)] == ["waiting", "waiting", "done"]


def test_a_replay_repeats_no_line_of_the_body(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with App(store, options=Options(poll=0.01, evict_always=True)) as app:
        run = naps.start()
        run.result()
        assert caplog.messages == ["begins", "before", "after"]
        assert [(line.step, line.text) for line in lines(app, run)] == [
            ("", "begins"),
            ("", "before"),
            ("", "after"),
        ]


def test_the_caps_are_the_engines_options(store: Path) -> None:
    with App(store, options=Options(log_lines=3, log_line=5)) as app:
        run = flood.start(20)
        run.result()
        *kept, notice = lines(app, run)
        assert [line.text for line in kept] == ["0", "1", "2"]
        assert notice.text.startswith("… 17 more lines")
        assert notice.step.endswith("floods")
        loud = one_loud.start(123)
        loud.result()
        assert lines(app, loud)[0].text == "print … (6 more characters)"


def test_an_engine_that_keeps_no_lines_listens_to_nothing(store: Path) -> None:
    with contextlib.redirect_stdout(sys.stdout):
        streams = sys.stdout, sys.stderr
        with App(store, options=Options(log_lines=0)) as app:
            run = story.start()
            run.result()
            assert (sys.stdout, sys.stderr) == streams
            assert lines(app, run) == []


def test_the_streams_are_as_before_when_the_app_is_closed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "_users", 0)  # a default app that a test before has opened is open still
    streams = sys.stdout, sys.stderr
    with App(store):
        one_loud.run(1)
        assert sys.stdout is not streams[0]
    assert (sys.stdout, sys.stderr) == streams


# -- much, and a death in the middle ------------------------------------------------------------------------

SCRIPT = """
import os, resource, sys, time
from podium import App, Options, task, workflow

@task
def floods(megabytes: int) -> None:
    text = "x" * 99
    for _ in range(megabytes * 10_000):
        print(text)

@task
def quick(n: int) -> int:
    return n

@task
def dies() -> None:
    print("flushed")
    while not os.path.exists("die"):
        time.sleep(0.002)
    if os.path.exists("once"):
        print("again")
        return
    open("once", "w").close()
    os.kill(os.getpid(), 9)

@workflow
def flood(megabytes: int) -> None:
    floods(megabytes)

@workflow
def counts(n: int) -> int:
    return sum(quick(i) for i in range(n))

@workflow
def dying() -> None:
    dies()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

if __name__ == "__main__":
    with App("s.db", options=Options(poll=0.05)) as app:
        if sys.argv[1] == "flood":
            flood.run(1)
            before = peak()
            loud = flood.start(60)
            finished = []
            while not finished or loud.state == "running":
                finished.append(counts.run(10))
            loud.result()
            told = app.store.logs(loud.id, 0, 10_000)
            sys.stderr.write(f"{peak() - before} {len(finished)} {len(told)} {told[-1].text}")
        else:
            dying.options(id="d").run()
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.slow
def test_sixty_megabytes_cost_no_memory_and_stop_nobody(script: Path, python: list[str]) -> None:
    ran = forkserver.run(
        [*python, "app.py", "flood"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
    )
    grown, others, kept, notice = ran.stderr.split(" ", 3)
    assert int(grown) < 16, "megabytes"
    assert int(others) > 5, "other runs went on meanwhile"
    assert int(kept) <= 1002
    assert notice.startswith("… 599,000 more lines (5")
    assert (script / "s.db").stat().st_size < 3_000_000


def test_what_was_flushed_outlives_a_kill(script: Path, python: list[str]) -> None:
    dies = forkserver.Popen([*python, "app.py", "die"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with App(script / "s.db", drives="nothing") as app:
        until(lambda: app.store.logs("d"))
        (script / "die").touch()
        dies.communicate(timeout=20)
        assert dies.returncode == -signal.SIGKILL
        assert [line.text for line in app.store.logs("d")] == ["flushed"]
        again = [*python, "app.py", "die"]
        forkserver.run(again, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        assert [line.text for line in app.store.logs("d")] == ["flushed", "flushed", "again"]
        assert app.load("d").lost == 1


# -- a stream that nobody takes ----------------------------------------------------------------------------


class Gone(io.StringIO):
    """A pipe whose reader has gone, a log on a full disk."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error


@workflow
def says_in_its_body(what: str) -> str:
    print("in the body", flush=True)
    return says(what) + third_time_flushed(what)


@task
def third_time_flushed(what: str) -> str:
    print("flushed", flush=True)
    sys.stdout.writelines(["two\n", "lines\n"])
    return what


GONE = [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left on device")]


@pytest.mark.parametrize("error", GONE, ids=range(len(GONE)))
def test_a_stream_that_cannot_be_written_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    monkeypatch.setattr(sys, "stdout", Gone(error))
    with App(tmp_path / "s.db") as app:
        run = says_in_its_body.start("x")
        assert run.result(20) == "xx"
        kept = [text for step, _, _, text in told(app, run) if step]  # the body's own lines have none
        assert kept == ["printed x", "logged x", "flushed", "two", "lines"]
        with pytest.raises(type(error)):  # outside of runs it is as in any program
            print("here")
    warned = [text for text in caplog.messages if "stdout cannot be written" in text]
    assert warned == [f"stdout cannot be written ({error}): what tasks print is kept with their runs alone"]
