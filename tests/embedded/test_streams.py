"""What runs emit and publish, as those see it who read along: in this process, and after a kill."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Chunk, Options, Retry, RunNotFound, UsageError, task, workflow
from podium.client import forget
from podium.errors import PayloadTooLarge
from podium.executors import stream_buffer
from tests import forkserver
from tests.waiting import until

go_on = threading.Event()


@task
def count(n: int) -> int:
    for number in range(n):
        podium.emit("numbers", number)
    podium.publish("last", n - 1)
    return n


@task
async def count_async(n: int) -> int:
    for number in range(n):
        await podium.emit("numbers", number)
    podium.publish("last", n - 1)
    return n


@task(isolation="process")
def count_apart(n: int) -> int:
    return count.fn(n)


COUNTS: dict[str, Any] = {"threads": count, "loop": count_async, "process": count_apart}


@workflow
def counts(how: str, n: int) -> int:
    return COUNTS[how].run(n)


def values(chunks: Any) -> list[Any]:
    return [chunk.value for chunk in chunks]


@pytest.mark.parametrize("how", COUNTS)
def test_chunks_come_in_order_and_the_history_does_not_grow(app: App, how: str) -> None:
    run = counts.start(how, 500)
    chunks = list(run.stream("numbers"))
    assert values(chunks) == list(range(500))
    assert chunks[7] == Chunk(8, f"/{COUNTS[how].fn.__name__}", 1, 7)
    assert [chunk.n for chunk in run.stream("numbers", after=498)] == [499, 500]
    assert run.value("last") == 499
    assert run.value("first") is None
    assert len(run.history()) == 1


def test_async_code_reads_along_and_goes_on_where_it_was(app: App) -> None:
    async def reads() -> list[int]:
        run = counts.start("loop", 300)
        await run.started()
        read: list[int] = []
        while len(read) < 300:  # whoever reads leaves, and comes again
            async for chunk in run.stream("numbers", after=len(read)):
                read.append(chunk.value)
                if len(read) % 100 == 0:
                    break
        assert await run == 300
        return read

    assert asyncio.run(reads()) == list(range(300))


@task
def waits_for_us() -> None:
    podium.emit("out", "before")
    podium.publish("stage", "waiting")
    assert go_on.wait(20)
    podium.emit("out", "after")


@workflow
def told() -> None:
    waits_for_us()


def test_a_chunk_is_seen_while_its_task_runs_on(app: App) -> None:
    go_on.clear()
    run = told.start()
    stream = iter(run.stream("out"))
    assert next(stream).value == "before"
    assert until(lambda: run.value("stage")) == "waiting"
    go_on.set()
    assert values(stream) == ["after"]


@task
async def says(text: str) -> str:
    return text


@workflow
async def talks(n: int) -> str:
    podium.publish("stage", "begun")
    for number in range(n):
        podium.emit("body", number)
        await says(f"{number}")
    podium.publish("stage", "ended")
    return "done"


def test_a_body_emits_and_publishes_each_once_though_it_is_replayed(store: Path) -> None:
    with App(store, options=Options(poll=0.05, evict_always=True)):
        run = talks.start(5)
        assert run.result() == "done"
        assert values(run.stream("body")) == [0, 1, 2, 3, 4]
        assert [(chunk.step, chunk.attempt) for chunk in run.stream("body")] == [("", 0)] * 5
        assert run.value("stage") == "ended"


@task(retries=Retry(times=1, wait=0.0))
def fails_once() -> None:
    podium.emit("tries", podium.attempt())
    if podium.attempt() == 1:
        raise ValueError("not yet")


@workflow
def tries() -> None:
    fails_once()


def test_a_chunk_says_of_which_attempt_it_is(app: App) -> None:
    assert [(chunk.attempt, chunk.value) for chunk in tries.start().stream("tries")] == [(1, 1), (2, 2)]


@workflow
async def breaks() -> None:
    podium.publish("stage", "one")
    podium.emit("body", "one")
    await says("1")
    podium.publish("stage", "two")
    if not Path("mended").exists():
        raise ValueError("broken")
    podium.emit("body", "three")


def test_what_a_body_says_of_its_copied_past_is_the_retrys_too(app: App, project: Path) -> None:
    run = breaks.start()
    with pytest.raises(ValueError, match="broken"):
        run.result()
    Path("mended").touch()
    again = run.retry()
    again.result()
    assert values(run.stream("body")) == ["one"]
    assert values(again.stream("body")) == ["one", "three"]
    assert again.value("stage") == "two"


@task
def floods(n: int, size: int) -> None:
    for number in range(n):
        podium.emit("flood", f"{number}".ljust(size))


@workflow
def flooded(n: int, size: int) -> None:
    floods(n, size)


def test_who_emits_faster_than_the_store_writes_waits(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_buffer, "ROOM", 4096)
    largest = 0
    take = stream_buffer.StreamBuffer.take

    def measured(self: stream_buffer.StreamBuffer, turn: int, last: bool = False) -> Any:
        nonlocal largest
        taken = take(self, turn, last)
        largest = max(largest, sum(len(chunk.payload) for chunk in taken[0]))
        return taken

    monkeypatch.setattr(stream_buffer.StreamBuffer, "take", measured)
    run = flooded.start(400, 1000)
    assert [int(value) for value in values(run.stream("flood"))] == list(range(400)), "nothing is let go"
    assert 4096 < largest < 6500


@task
async def never_awaits() -> None:
    for _ in range(100):
        podium.emit("flood", "x" * 1000)


@workflow
async def impatient() -> None:
    await never_awaits()


def test_async_code_that_does_not_wait_for_room_is_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_buffer, "FULL", 40_000)
    with pytest.raises(PayloadTooLarge, match="wait to be written"):
        impatient.run()


@task
def emits(name: str, chunk: Any) -> None:
    podium.emit(name, chunk)


@workflow
def emitting(name: str, size: int) -> None:
    emits(name, "x" * size)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [("log", 1, "what the run prints"), ("", 1, "1 to 200"), ("x" * 201, 1, "1 to 200")],
)
def test_a_name_that_is_none_is_refused(app: App, name: str, size: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        emitting.run(name, size)


def test_a_large_chunk_is_refused(app: App) -> None:
    with pytest.raises(PayloadTooLarge, match=r"65,538 bytes, and 65,536"):
        emitting.run("out", 65_536)


def test_outside_of_runs_they_do_nothing(app: App) -> None:
    run = prints.start()
    run.result()
    podium.publish("stage", 1)
    podium.emit("out", 1)
    app.close()  # whatever was to be recorded is
    with App(app.url, drives="nothing") as after:
        assert after.store.values(run.id) == []
        assert after.store.streams(run.id) == {}


def test_the_log_is_a_stream(app: App) -> None:
    run = prints.start()
    assert [(chunk.n, chunk.value) for chunk in run.stream()] == [(1, "one"), (2, "two")]
    assert values(run.stream(after=1)) == ["two"]


@task
def says_two() -> None:
    print("one\ntwo")


@workflow
def prints() -> None:
    says_two()


@workflow
async def looks() -> None:
    says.start("x").value("stage")


def test_a_body_does_not_look(app: App) -> None:
    with pytest.raises(UsageError, match=r"test_streams.py:\d+: run.value\(...\) in the body"):
        looks.run()


def test_a_stream_of_a_run_that_is_gone_says_so(app: App) -> None:
    run = prints.start()
    run.result()
    stream = run.stream("out")
    assert [why for _, why in forget(app, [app.load(run.id)])] == [""]
    with pytest.raises(RunNotFound):
        list(stream)


def test_a_place_that_is_none_is_refused(app: App) -> None:
    run = prints.start()
    run.result()  # what prints while pytest takes its text away can crash Python 3.11
    with pytest.raises(UsageError, match="after=-1"):
        run.stream(after=-1)


SCRIPT = """
import threading
from pathlib import Path
import podium
from podium import task, workflow

@task
def pages() -> int:
    for n in range(20):
        podium.emit("pages", [podium.attempt(), n])
        if n == 9 and not Path("again").exists():
            Path("again").touch()
            threading.Event().wait(60)
    return podium.attempt()

@workflow
def flow() -> int:
    return pages()

if __name__ == "__main__":
    run = flow.start()
    print(run.result(), [chunk.value for chunk in run.stream("pages")])
"""


def test_what_a_killed_attempt_has_emitted_stays_and_the_next_one_has_another_number(
    project: Path, python: list[str]
) -> None:
    Path("app.py").write_text(SCRIPT)
    store = project / ".podium" / "podium.db"
    with forkserver.Popen([*python, "app.py"], stdout=subprocess.DEVNULL) as process:
        try:
            until, seen = time.monotonic() + 20.0, 0
            while seen < 10 and time.monotonic() < until:
                threading.Event().wait(0.02)
                if store.exists() and Path("again").exists():
                    with App(store, drives="nothing") as looking:
                        (run,) = podium.runs()
                        seen = looking.store.streams(run.id).get("pages", 0)
        finally:
            process.send_signal(signal.SIGKILL)
    ran = forkserver.run([*python, "app.py"], capture_output=True, text=True, check=True)
    first, second = [[1, n] for n in range(10)], [[2, n] for n in range(20)]
    assert ran.stdout == f"2 {first + second}\n"
