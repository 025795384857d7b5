"""What passes between a task in a process of its own and the rest: values, failures, output, progress."""

from __future__ import annotations

import io
import random
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from podium import App, Options, RunCancelled, TaskFailed
from podium.engine import Event, events
from podium.executors import Attempt
from podium.executors.output import OUTPUT_MAX, WAITING_MAX
from tests.isolation import tasks
from tests.isolation.conftest import noted
from tests.waiting import is_alive, until

MANY_BYTES = 2**30


@pytest.mark.parametrize("size", [0, 200_000, 300_000, 20 * 2**20])
def test_arguments_and_results_of_any_size(app: App, size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert tasks.carry.run(data) == data


def test_a_result_above_the_cap_of_payloads_is_refused_as_anywhere(app: App) -> None:
    assert tasks.carry_too_much.run(64 * 2**20) == "E113"
    assert tasks.add.run(1, 2) == 3


def test_coroutines_run_there_too(app: App) -> None:
    assert tasks.add.run(1, 2) == 3


def test_a_failure_keeps_type_arguments_notes_cause_and_traceback(app: App) -> None:
    with pytest.raises(LookupError) as caught:
        tasks.fail.run()
    error: Any = caught.value
    assert type(error) is LookupError
    assert error.args == ("not here", 7)
    assert error.__notes__ == ["look there"]
    assert type(error.__cause__) is KeyError
    assert 'raise error from KeyError("inner")' in error.__podium_traceback__


@pytest.mark.parametrize("function", [tasks.raises, tasks.raises_async])
def test_a_recorded_traceback_begins_in_the_body_of_the_task(app: App, function: Any) -> None:
    with pytest.raises(LookupError) as caught:
        function.run()
    error: Any = caught.value
    first = error.__podium_traceback__.splitlines()[1]
    assert first.endswith(f"in {function.__name__}"), "our own frames, and asyncio's, are of no interest"


def test_sys_exit_is_the_failure_of_the_task(app: App) -> None:
    run = tasks.leave.start()
    with pytest.raises(TaskFailed, match="SystemExit: 5"):
        run.result()
    assert [entry.attempt for entry in run.history()] == [1], "which no policy tries again"
    assert tasks.add.run(1, 2) == 3


def test_a_task_knows_its_attempt_and_tells_its_progress(app: App) -> None:
    seen: list[Event] = []
    app.observers.append(seen.append)
    run = tasks.ask.start()
    number, key, token, leads_its_group = run.result()
    assert (number, key, token) == (1, f"{run.id}:/knows", (1, 1))
    assert leads_its_group
    told = [event.progress for event in seen if isinstance(event, events.AttemptProgressed)]
    assert (told[0].text, told[-1].text) == ("half", "all")
    assert len(told) < 100, "not each of a thousand"


def test_one_that_has_a_process_is_told_from_those_in_line(store: Path, folder: Path) -> None:
    """As the live view counts them: so many running, so many in line."""
    begun: list[Attempt] = []
    with App(store, options=Options(process_slots=2)) as app:
        app.observers.append(
            lambda event: begun.append(event.attempt) if isinstance(event, events.AttemptBegan) else None
        )
        run = tasks.at_once.start(str(folder), 3)
        until(lambda: len(noted(folder)) == 2)
        until(lambda: [attempt.has_begun for attempt in begun] == [True, True, False])
        (folder / "gate").touch()
        assert len(run.result()) == 3
        assert all(attempt.has_begun for attempt in begun), "an outcome on its way is of one that has begun"


def test_all_that_it_prints_comes_out_in_whole_lines(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Event] = []
    app.observers.append(seen.append)
    run = tasks.speak.start()
    run.result()
    app.close()
    out, err = capsys.readouterr()
    assert sorted(out.splitlines()) == ["from below", "no end", "past Python", "to stdout"]
    assert err.splitlines() == ["to stderr"]
    printed = [event for event in seen if isinstance(event, events.AttemptPrinted)]
    said = [(event.run, event.attempt.step, event.stream, event.line) for event in printed]
    assert (run.id, "/speaks", "stdout", "no end") in said
    assert len(said) == 5


def test_what_it_logs_goes_where_this_process_has_its_logs_go(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    seen: list[Event] = []
    app.observers.append(seen.append)
    run = tasks.log.start()
    run.result()
    app.close()
    found = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert found == [("tasks.deep", "INFO", "1 of 2"), ("tasks.deep", "ERROR", "it failed")]
    assert caplog.records[1].funcName == "logs"
    assert "ValueError: inner" in caplog.text
    logged = [(e.run, e.attempt.step) for e in seen if isinstance(e, events.AttemptLogged)]
    assert logged == [(run.id, "/logs")] * 2


def test_a_gigabyte_of_prints_neither_blocks_nor_fills_memory(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    before = psutil.Process().memory_info().rss
    began = time.monotonic()
    run = tasks.say.start(MANY_BYTES // 4096, 4096)
    while run.state.value != "succeeded":
        assert tasks.add.run(1, 2) == 3, "others go on meanwhile"
        assert psutil.Process().memory_info().rss - before < 300 * 2**20
    print(f"{MANY_BYTES / 2**20:.0f} MiB in {time.monotonic() - began:.1f} s")
    app.close()
    out, _ = capsys.readouterr()
    lines = out.splitlines()
    assert OUTPUT_MAX <= sum(len(line) + 1 for line in lines) < OUTPUT_MAX + 10_000
    assert f"it wrote {MANY_BYTES / 2**20:,.0f} MiB to stdout" in out


def test_what_a_task_leaves_behind_may_print_for_ever(
    app: App, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tasks.chatter.run(str(folder)) == "done"
    assert [tasks.add.run(n, n) for n in range(10)] == [2 * n for n in range(10)]
    app.close()
    until(lambda: not any(map(is_alive, noted(folder))))
    # So much for each of eleven attempts, and so much for each time between and after them; how fast somebody
    # takes it decides how much of that it comes to, which a tighter bound once took for a promise.
    assert len(capsys.readouterr().out) < 22 * (OUTPUT_MAX + 10_000)


def test_one_that_never_stops_talking_holds_up_nobody(app: App, folder: Path) -> None:
    run = tasks.log_for_ever.start(str(folder))
    until(lambda: noted(folder))
    began = time.monotonic()
    assert [tasks.add.run(n, n) for n in range(10)] == [2 * n for n in range(10)]
    assert time.monotonic() - began < 30, "it talks for ever"
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(30)


def test_a_task_may_fork(app: App) -> None:
    seen: list[Event] = []
    app.observers.append(seen.append)
    assert tasks.fork.run() == 7
    assert [event.line for event in seen if isinstance(event, events.AttemptPrinted)] == ["from the fork"]


class Stuck(io.StringIO):
    """A terminal that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.go_on.wait()
        return super().write(text)


def test_output_that_nobody_takes_holds_up_nobody(
    app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stuck = Stuck()
    monkeypatch.setattr("sys.stdout", stuck)
    assert [tasks.say.run(4000, 4096) for _ in range(4)] == [4000] * 4
    stuck.go_on.set()
    app.close()
    assert len(stuck.getvalue()) < WAITING_MAX + 2 * OUTPUT_MAX
    assert "lines of tasks were left out" in capsys.readouterr().err
