"""Threads, memory and descriptors that the system does not give: nobody's outcome, runs wait and go on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import podium
from podium import App, Options, codec, task, workflow
from podium.client.resume_notice import ResumeNotices
from podium.client.start_options import StartOptions
from podium.client.starting import Started, encoded
from podium.client.told import Told
from podium.engine import Met
from podium.engine.claiming import Claimer
from podium.env import RealEnv
from podium.errors import EngineStopped, ResourceShortage
from podium.executors import child_process
from podium.functions import registry
from podium.machine import Machine
from podium.model import State
from podium.store import Store
from podium.store.sqlite import SqliteStore
from tests.tidy.source import ROOT
from tests.waiting import until

FEW = Options(thread_slots=4, poll=0.05, grace=1)


@task
def same(n: int) -> int:
    return n


@task
async def same_async(n: int) -> int:
    return n


@task(isolation="process")
def same_isolated(n: int) -> int:
    return n


@task
def waits(n: int) -> int:
    return adds.run([n])


@workflow
async def adds(numbers: list[int]) -> int:
    return sum([*await same.map(numbers), *await same_async.map(numbers)])


@workflow
def isolates(n: int) -> int:
    return same_isolated(n)


@workflow
def rests(n: int) -> int:
    podium.sleep(0.3)
    return n


@workflow
async def nests(wide: int) -> int:
    return sum(await waits.map(range(wide)))


class FewThreads(RealEnv):
    """A system that gives only so many threads of a name."""

    def __init__(self, name: str, given: int = 0) -> None:
        super().__init__()
        self.name, self.given, self.refused = name, given, threading.Event()

    def spawn(self, target: Callable[..., Any], *args: Any, name: str) -> threading.Thread:
        if name.startswith(self.name):
            if self.given == 0:
                self.refused.set()
                raise ResourceShortage("no more threads can be started")
            self.given -= 1
        return super().spawn(target, *args, name=name)


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("given", [0, 1])
def test_tasks_wait_in_line_for_threads_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, given: int
) -> None:
    env = FewThreads("podium-task", given)
    with App(tmp_path / "podium.db", env=env, options=FEW):
        run = nests.start(6)
        assert env.refused.wait(30)
        until(lambda: said(caplog, "wait in line"))
        assert run.state is State.RUNNING
        env.given = 1000
        assert run.result(20) == 2 * sum(range(6))
    assert said(caplog, "tasks wait in line: no more threads can be started") == 1
    assert said(caplog, "threads can be started again") == 1


def test_a_process_for_tasks_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """First there is no thread for the pool, then no process."""
    env = FewThreads("podium-processes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child_process, "_spawn", _refuse_process)
        with App(tmp_path / "podium.db", env=env, options=FEW):
            run = isolates.start(7)
            assert env.refused.wait(30)
            env.given = 1
            until(lambda: said(caplog, "a process for them could not be started"))
            patch.undo()
            assert run.result(20) == 7
    assert said(caplog, "a process for them could not be started") == 1


def _refuse_process(_: str) -> Any:
    raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize("name", ["podium-writer", "podium-engine", "podium-heartbeat", "podium-doorbell"])
def test_what_cannot_be_opened_for_want_of_threads_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    env = FewThreads(name)
    app = App(tmp_path / "podium.db", env=env, options=FEW)
    with pytest.raises(ResourceShortage, match="no more threads"):
        _ = app.host
    assert app.store.engines() == []
    env.given = 1000
    with app:
        assert adds.run([1]) == 2


@pytest.mark.parametrize("name", ["podium-others", "podium-notice"])
def test_a_start_is_as_good_without_a_thread_for_what_is_said_about_it(tmp_path: Path, name: str) -> None:
    """Of runs that begin, and of runs that go on: each is on record and is told as that."""
    env, file = FewThreads(name), tmp_path / "podium.db"
    with App(file, env=env, options=FEW, starter="script.py"):
        first = [rests.start(n).id for n in range(3)]
    with App(file, env=env, options=FEW, starter="script.py"):
        again = [rests.start(n) for n in range(3)]
        assert [run.id for run in again] == first
        assert [run.result(20) for run in again] == [0, 1, 2]
    assert env.refused.is_set()


def test_a_start_that_was_told_otherwise_meanwhile_does_not_keep_the_others_from_theirs() -> None:
    told: list[str] = []
    store = cast("Store", Nothing())
    notices = ResumeNotices(RealEnv(), told.append, lambda: store)
    starts = [Started(Told()) for _ in range(3)]
    starts[1].id.tell(EngineStopped("the engine is closed"))
    for n, start in enumerate(starts):
        notices.add([(f"run-{n}", Met.AWAY)], f"run-{n}", start.id.tell)
    assert [starts[n].id.result(30) for n in (0, 2)] == ["run-0", "run-2"]
    assert isinstance(starts[1].id.exception(30), EngineStopped)


class Nothing:
    """A store that knows no run."""

    def history(self, *_: Any) -> list[Any]:
        return []


class Lacking:
    """A method that has no memory the first few times."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: type, name: str, times: int) -> None:
        self.left = times
        original = getattr(owner, name)

        def lacking(*args: Any, **kwargs: Any) -> Any:
            if self.left > 0:
                self.left -= 1
                raise MemoryError
            return original(*args, **kwargs)

        patch.setattr(owner, name, lacking)


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Machine, "come_to"), (Machine, "begin"), (SqliteStore, "commit"), (SqliteStore, "claim"),
     (SqliteStore, "heartbeat"), (codec, "decode")],
)  # fmt: skip
def test_no_want_of_memory_of_ours_is_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, owner: type, name: str
) -> None:
    with App(tmp_path / "podium.db", options=Options(lease=1.0, poll=0.05)) as app:
        assert adds.run([1]) == 2
        lacking = Lacking(monkeypatch, owner, name, 3)
        runs = [adds.start([n, n]) for n in range(5)]
        assert [run.result(20) for run in runs] == [4 * n for n in range(5)]
        until(lambda: lacking.left == 0)
        assert app.host.engine.failure is None
    assert said(caplog, "E900") == 0


def test_a_start_that_lacks_memory_keeps_none_of_its_batch_from_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(app: App) -> list[Told[str]]:
        """The answers to three starts in one commit."""
        function = registry[f"{__name__}:adds"]
        calls = [encoded(function, ([n],), {}, StartOptions(id=f"n-{n}"), _no_depot) for n in range(3)]
        return [started.id for started in app.starts.many(function, calls)]

    with App(tmp_path / "podium.db") as app:
        assert [id.result(20) for id in named(app)] == ["n-0", "n-1", "n-2"]
        assert [podium.get(f"n-{n}").result(20) for n in range(3)] == [0, 2, 4]
        lacking = Lacking(monkeypatch, Claimer, "look", 1)
        errors = [id.exception(20) for id in named(app)]
        assert [type(error) for error in errors] == [ResourceShortage, type(None), type(None)]
        assert lacking.left == 0
        assert [id.result(20) for id in named(app)] == ["n-0", "n-1", "n-2"]
        assert app.host.engine.failure is None


def _no_depot() -> Any:
    raise AssertionError("nothing of it is kept by reference")


# -- really ------------------------------------------------------------------------------------------------

SHORT = """
import resource, sys
from podium import App, Options, task, workflow

@task
def same(n: int) -> int:
    return n

@workflow
async def flow(n: int) -> int:
    return sum(await same.map([n] * 10))

def size() -> int:
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

if __name__ == "__main__":
    with App("podium.db") as app:
        app.host
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size() + 4 * 2**20, before[1]))  # no thread's stack fits
        runs = [flow.start(n) for n in range(20)]
        print("begun", flush=True)
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_AS, before)
        print([run.result(30) for run in runs])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is limited is Linux's")
def test_runs_live_through_a_limit_of_address_space(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(SHORT, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "short.py"], cwd=tmp_path, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    assert process.stderr is not None
    assert "no more threads can be started" in process.stderr.readline()
    out, said = process.communicate("go on\n", timeout=60)
    assert out.strip() == str([10 * n for n in range(20)]), said


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
os.execv(sys.executable, [sys.executable, "-m", "podium", *sys.argv[2:]])
"""


@pytest.mark.parametrize("descriptors", [6, 8, 10, 12])
def test_few_descriptors_are_said_in_a_line(tmp_path: Path, descriptors: int) -> None:
    (tmp_path / "flows.py").write_text(SHORT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(descriptors), "run", "flows:flow", "--", "--n", "1"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "PODIUM_URL": str(tmp_path / "podium.db")},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "error[E505]: no more files can be opened" in done.stderr
    assert "ulimit -n" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 5
