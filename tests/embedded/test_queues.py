"""Queued tasks and workflows: runs of their own, within the limits of their queues."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import podium
from podium import App, Options, Queue, RetryAfter, UsageError, task, workflow
from podium.cli.main import command_line
from podium.client import change_queue
from podium.functions import registry
from podium.inspect import cause_of, queue_shapes
from podium.model import Query, State
from tests.waiting import until

PAIR = Queue("pair", concurrency=2)
EACH = Queue("each", concurrency=1, per="tenant")


class Gauge:
    """How many bodies are inside at once, and how many were at most, by what they say of themselves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.gate = threading.Event()
        self.gate.set()

    def enter(self, name: str = "") -> None:
        with self._lock:
            self.inside[name] = self.inside.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self.inside[name])

    def leave(self, name: str = "") -> None:
        with self._lock:
            self.inside[name] -= 1


gauge = Gauge()


@pytest.fixture(autouse=True)
def fresh_gauge() -> Iterator[None]:
    gauge.clear()
    yield
    gauge.gate.set()


@task(queue=PAIR)
def square(n: int) -> int:
    gauge.enter()
    try:
        gauge.gate.wait(30)
        return n * n
    finally:
        gauge.leave()


@task(queue="pair", retries=1)
async def polite(n: int) -> int:
    if podium.attempt() <= 3:
        raise RetryAfter(0.01)
    return podium.attempt()


@task(queue=PAIR)
def breaks(n: int) -> int:
    raise LookupError(f"no {n}")


@task(queue=EACH)
def serve(tenant: str, n: int = 0) -> str:
    gauge.enter(tenant)
    gauge.gate.wait(30)
    gauge.leave(tenant)
    return f"{tenant}{n}"


@task(queue=Queue("slow", rate="1/h"))
def rare(n: int) -> int:
    return n


@task(queue="patient")
def patient(n: int) -> int:
    if podium.attempt() == 1:
        raise RetryAfter("1h")
    return n


@workflow
async def squares(n: int) -> int:
    return sum(await square.map(range(n)))


@workflow
def plain_squares(n: int) -> list[int]:
    return [square(n), square.run(n + 1), square.start(n + 2).result()]


@workflow
async def meets_failure(n: int) -> str:
    try:
        return str(breaks(n))
    except LookupError as error:
        return repr(error)


@workflow(queue="pair")
async def naps(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "rested"


@workflow
async def spread(names: list[str]) -> list[str]:
    return list(await asyncio.gather(*(serve.start(name, n) for n, name in enumerate(names))))


@workflow
async def plain_tasks_anywhere(n: int) -> int:
    return await double.options(queue="pair", key="k").start(n)


@task
async def double(n: int) -> int:
    return 2 * n


def rows(app: App, **query: Any) -> list[Any]:
    return app.find(Query(**query))


def test_a_queued_task_is_a_run_of_its_own_and_its_result_the_steps(app: App) -> None:
    assert squares.run(6) == 55
    assert gauge.most[""] <= 2
    ours = rows(app, function=square.name)
    assert [(row.queue, row.state) for row in ours] == [("pair", State.SUCCEEDED)] * 6
    assert len({row.parent for row in ours}) == 1


def test_a_sync_body_calls_it_in_every_way(app: App) -> None:
    assert plain_squares.run(2) == [4, 9, 16]


def test_its_failure_is_raised_where_it_is_called(app: App) -> None:
    assert meets_failure.run(3) == "LookupError('no 3')"


def test_what_retry_after_asks_for_counts_as_no_failure(app: App) -> None:
    run = polite.start(1)
    assert run.result() == 4  # three of them, with one retry granted
    (row,) = rows(app, function=polite.name)
    assert row.entries == 4


def test_a_sleeping_workflow_holds_no_slot(app: App) -> None:
    runs = [naps.start(1.5) for _ in range(5)]
    until(lambda: len(rows(app, states=frozenset({State.WAITING}))) == 5)
    assert [run.result(30) for run in runs] == ["rested"] * 5


def test_with_per_each_value_has_a_line_and_limits_of_its_own(app: App) -> None:
    assert spread.run(["a", "a", "b", "a", "b"]) == ["a0", "a1", "b2", "a3", "b4"]
    assert gauge.most == {"a": 1, "b": 1}
    assert {row.lane for row in rows(app, function=serve.name)} == {"a", "b"}


def test_a_call_may_name_queue_key_and_priority(app: App) -> None:
    assert plain_tasks_anywhere.run(4) == 8
    (row,) = rows(app, function=double.name)
    assert (row.queue, row.lane) == ("pair", "k")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"queue": "piar"}, "no such queue is declared here\n.*nearest: 'pair'"),
        ({"queue": 3}, "a Queue or the name of one is needed"),
        ({"key": 3}, "text is needed"),
        ({"priority": "high"}, "a whole number from -1000 to 1000"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_stored(options: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        double.options(**options)


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda: Queue("a b"), "cannot be the name of a queue"),
        (lambda: Queue("q0", concurrency=0), "concurrency=0"),
        (lambda: Queue("q0", rate="often"), "so many in a second"),
        (lambda: Queue("q0", per=3), "the name of a parameter"),  # type: ignore[arg-type]  # no name
        (lambda: task(queue=PAIR, undo=print)(len), "on_failure"),
        (lambda: RetryAfter("soon"), "RetryAfter"),
    ],
)
def test_declarations_that_cannot_be_are_refused(declare: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        declare()


def test_a_queue_that_goes_by_a_parameter_which_is_not_there_is_refused(app: App) -> None:
    with pytest.raises(UsageError, match="double has no parameter 'tenant'"):
        double.options(queue="each").start(1)


def test_a_full_queue_a_paused_one_a_rate_and_a_retry_after_are_why_a_run_waits(app: App) -> None:
    gauge.gate.clear()
    runs = [square.start(n) for n in range(3)]
    until(lambda: gauge.inside.get("") == 2)
    (left,) = rows(app, function=square.name, states=frozenset({State.QUEUED}))
    assert cause_of(app, left).kind == "queue-full"
    change_queue(app, "pair", paused=True, by="kim")
    assert cause_of(app, left).kind == "queue-paused"
    gauge.gate.set()
    until(lambda: not gauge.inside.get(""))
    assert left.id in [row.id for row in rows(app, states=frozenset({State.QUEUED}))]
    change_queue(app, "pair", paused=False)
    assert [run.result(30) for run in runs] == [0, 1, 4]
    assert rare.run(1) == 1
    second = rare.start(2)
    assert cause_of(app, app.load(second.id)).kind == "queue-rate"
    second.cancel().result()
    first = patient.start(1)
    until(lambda: app.load(first.id).state is State.WAITING)
    cause = cause_of(app, app.load(patient.start(2).id))
    assert (cause.kind, cause.details) == (
        "queue-held", (f"run {first.id} has asked for that, and is tried again then",),
    )  # fmt: skip


def test_an_operators_limit_holds_against_the_code_until_from_code(store: Path, app: App) -> None:
    assert square.run(1) == 1

    def queues(*words: str) -> str:
        result = CliRunner().invoke(command_line, ["queues", *words, "--store", str(store)])
        return result.output if result.exception is None else str(result.exception)

    queues("set", "pair", "--concurrency", "1", "--by", "kim")
    with App(store, options=Options(poll=0.05)):
        assert squares.run(4) == 14
    assert gauge.most[""] == 1
    assert "1 at once; set by kim, the code says 2 at once" in queues("pair")
    queues("set", "pair", "--from-code")
    (shape,) = queue_shapes(app, ["pair"])
    assert (shape.concurrency, shape.set_by) == (2, None)
    assert [(act.verb, act.target) for act in app.store.audited()][:1] == [("set queue", "pair")]
    assert "no queue is named 'piar'" in queues("piar")
    assert "no code has declared a queue nosuch" in queues("set", "nosuch", "--concurrency", "1")
    assert "no code has declared" not in queues("set", "pair", "--concurrency", "1")
    queues("set", "pair", "--from-code")
    assert "a whole number from 1" in queues("set", "pair", "--concurrency", "few")


@workflow(queue=EACH, schedule=podium.every("1h", args={"tenant": "acme"}))
def report(tenant: str) -> str:
    return tenant


# Out of the registry: every other app of this process would keep this schedule, too.
REPORT = registry.pop(report.name)


def test_what_a_schedule_starts_stands_in_its_workflows_queue(store: Path) -> None:
    with App(store, options=Options(poll=0.05), functions={**registry, report.name: REPORT}) as app:
        (schedule,) = [each for each in podium.schedules() if each.name == report.name]
        schedule.fire()
        until(lambda: len(rows(app, function=report.name)) == 1)
        (row,) = rows(app, function=report.name)
        assert (row.queue, row.lane) == ("each", "acme")
        assert report.get(row.id).result(5) == "acme"


def test_a_retry_of_a_queued_run_stands_in_its_queue_again(app: App) -> None:
    run = breaks.start(1)
    until(lambda: app.load(run.id).state is State.FAILED)
    assert app.load(run.retry().id).queue == "pair"


both = threading.Barrier(2)


@task(queue=PAIR)
def meets(n: int) -> int:
    both.wait(30)
    return n


def test_what_an_engine_has_no_slot_for_is_left_to_another(store: Path) -> None:
    """Before, the first one to look had both runs, and one of these waited beside a free engine."""
    one_slot = Options(poll=0.05, thread_slots=1)
    with (
        App(store, options=one_slot, starter="") as first,
        App(store, options=one_slot, starter="") as second,
    ):
        assert first.host.id != second.host.id
        for _ in range(5):
            assert [run.result(60) for run in [meets.start(1), meets.start(2)]] == [1, 2]


@workflow
def squared(n: int) -> int:
    return square(n)


@task(queue=PAIR)
def asks_further(n: int) -> int:
    return squared.run(n)


def test_a_task_that_waits_lends_its_slot_to_those_of_queues_too(store: Path) -> None:
    with App(store, options=Options(poll=0.05, thread_slots=1)):
        assert asks_further.start(3).result(15) == 9


def test_an_engine_serves_the_queues_that_it_is_told_to(store: Path) -> None:
    with App(store, options=Options(poll=0.05, queues=("each", ""))) as app:
        other, ours = square.start(1), serve.start("a")
        assert ours.result(30) == "a0"
        row = app.load(other.id)
        assert row.state is State.QUEUED
        cause = cause_of(app, row)
        assert (cause.kind, cause.what) == ("queue-unserved", "no live worker serves queue pair")
    with App(store, options=Options(poll=0.05)):
        assert podium.get(other.id).result(5) == 1


ONE, TWO = Queue("one", concurrency=1), Queue("two", concurrency=1)


@task(queue=ONE)
def innermost(n: int) -> int:
    return n


@task(queue=TWO)
def between(n: int) -> int:
    return innermost.run(n)


@task(queue=ONE)
def waits_inside(way: str) -> int:
    return innermost.run(1) if way == "same queue" else between.run(1)


@pytest.mark.parametrize("way", ["same queue", "by way of another"])
def test_why_tells_that_a_task_waits_for_the_slot_that_it_holds(store: Path, way: str) -> None:
    with App(store, options=Options(lease=1.0)) as app:
        run = waits_inside.start(way)
        (left,) = until(lambda: rows(app, function=innermost.name))
        holder = until(lambda: "none of them goes on" in str(run.why()) and run.why())
        assert f"its task waits for run {rows(app, function=holder_of(way))[0].id}" in str(holder)
        assert f"podium cancel {run.id}  ends that; or podium queues set one --concurrency 2" in str(holder)
        found = cause_of(app, app.load(left.id))
        assert found.kind == "queue-full"
        assert "1 of 1 slots are held by runs that wait for what stands in its line" in found.what
        assert found.details == (f"run {run.id} (waits_inside) holds one",)
        assert found.fix == f"podium cancel {run.id}  ends that; or podium queues set one --concurrency 2"
        change_queue(app, "one", concurrency="2", by="kim")
        assert run.result(30) == 1


def holder_of(way: str) -> str:
    return innermost.name if way == "same queue" else between.name


@task(queue="pair")
def waits_beside(n: int) -> int:
    return square.run(n)


def test_no_end_is_foretold_where_a_slot_may_come_free(store: Path) -> None:
    gauge.gate.clear()
    with App(store, options=Options(lease=1.0)) as app:
        busy, run = square.start(3), waits_beside.start(4)
        (left,) = until(lambda: rows(app, function=square.name, states=frozenset({State.QUEUED})))
        said = until(lambda: "its task waits for run" in str(run.why()) and str(run.why()))
        assert f"run {left.id} (square), which is queued" in said
        assert f"podium why {left.id}" in said
        assert "none of them" not in said
        assert cause_of(app, app.load(left.id)).what == "queue pair is full: 2 of 2 slots are held"
        gauge.gate.set()
        assert (busy.result(30), run.result(30)) == (9, 16)
