"""Bad input, one test each: it fails at once, says where and what to do, and harms nobody else."""

from __future__ import annotations

import ast
import asyncio
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

import podium
from podium import App, Options, RunParked, TaskFailed, task, workflow
from podium.errors import ArgumentError, EncodeError, NeverAwaited, PayloadTooLarge, UsageError
from podium.model import Query, State

FILE = "test_bad_input.py"


@task
def keep(value: Any) -> Any:
    return value


@task
async def fetch(n: int) -> int:
    return n


@task
def gives(what: str) -> Any:
    return GIVEN[what]()


@task
def leaves(code: int) -> None:
    raise SystemExit(code)


@task
async def leaves_async(code: int) -> None:
    raise SystemExit(code)


@workflow
def keeping(value: Any) -> Any:
    return value


@workflow
def typed(n: int, names: list[str]) -> int:
    return n


@workflow
def giving(what: str) -> Any:
    return gives(what)


@workflow
def handing_on(what: str) -> Any:
    return keep(GIVEN[what]())


@workflow
async def leaving(code: int) -> None:
    await leaves_async(code) if code % 2 else leaves(code)


@workflow
async def fine(n: int) -> int:
    return await fetch(n)


@workflow
def misbehaving(how: str) -> None:
    fetch.run(1)
    BAD[how]()


@workflow
async def forgetful() -> int:
    fetch(1)  # nobody awaits it
    return 1


@workflow
async def deadlocked() -> None:
    await asyncio.Event().wait()


@workflow
async def endless_async() -> None:
    while True:
        await asyncio.sleep(0)


@workflow
def endless() -> None:
    while True:
        pass


@workflow
async def endless_and_stubborn() -> None:
    while True:
        try:
            await asyncio.sleep(0)
        except BaseException:
            pass


@workflow
def endless_and_stubborn_in_verbs() -> None:
    while True:
        try:
            podium.now()
        except BaseException:
            pass


@workflow
def leaves_itself(code: int) -> None:
    raise SystemExit(code)


def cyclic() -> Any:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def deep() -> Any:
    nest: list[Any] = []
    for _ in range(100_000):
        nest = [nest]
    return nest


GIVEN: dict[str, Callable[[], Any]] = {
    "object": lambda: {"log": [object()]},
    "lock": lambda: {"log": [threading.Lock()]},
    "generator": lambda: (n for n in range(3)),
    "cyclic": cyclic,
    "deep": deep,
    "large": lambda: "x" * 100_000_000,
}

BAD: dict[str, Callable[[], Any]] = {
    "time.sleep": lambda: time.sleep(1),
    "open": lambda: open("/nonexistent"),  # noqa: SIM115  # refused before it opens
    "urlopen": lambda: urllib.request.urlopen("http://127.0.0.1:9/"),
    "thread": lambda: threading.Thread(target=print).start(),
}


@pytest.fixture(autouse=True)
def _others_go_on(app: App) -> Any:
    yield
    assert fine.run(7) == 7


@pytest.mark.parametrize("args", [("1", []), (1, [2]), (1, "ab"), (None, []), (1.5, [])])
def test_a_wrong_argument_type_before_anything_is_stored(app: App, args: Any) -> None:
    with pytest.raises(ArgumentError, match="wants"):
        typed.start(*args)
    assert app.find(Query()) == []


@pytest.mark.parametrize("what", GIVEN)
def test_a_value_that_cannot_be_stored_as_an_argument(app: App, what: str) -> None:
    with pytest.raises(EncodeError):
        keeping.start(GIVEN[what]())
    assert app.find(Query()) == []


@pytest.mark.parametrize("what", GIVEN)
def test_a_value_that_cannot_be_stored_as_a_tasks_result(app: App, what: str) -> None:
    with pytest.raises(EncodeError, match="gives result") as caught:
        giving.run(what)
    assert isinstance(caught.value, PayloadTooLarge) == (what == "large")


@pytest.mark.parametrize("what", [what for what in GIVEN if what not in ("deep", "large")])
def test_a_value_that_cannot_be_stored_as_a_tasks_argument(app: App, what: str) -> None:
    with pytest.raises(EncodeError, match="keep"):
        handing_on.run(what)


def test_the_path_leads_to_the_offender(app: App) -> None:
    with pytest.raises(EncodeError) as caught:
        keeping.start({"pages": [1, {"log": object()}]})
    assert caught.value.path == 'value["pages"][1]["log"]'
    assert 'value["pages"][1]["log"]' in str(caught.value)


@pytest.mark.parametrize("code", [3, 4])
def test_a_task_that_raises_system_exit(app: App, code: int) -> None:
    with pytest.raises(TaskFailed, match="SystemExit"):
        leaving.run(code)


def test_a_workflow_that_raises_system_exit(app: App) -> None:
    with pytest.raises(TaskFailed, match="SystemExit"):
        leaves_itself.run(3)


@pytest.mark.parametrize("how", BAD)
def test_an_effect_in_a_workflow_parks_it_with_the_line(app: App, how: str) -> None:
    run = misbehaving.start(how)
    with pytest.raises(RunParked, match=rf"{FILE}:\d+: .*move this into a task"):
        run.result()
    assert run.state is State.PARKED
    assert FILE in run.why()
    app.resume(run.id).result()
    with pytest.raises(RunParked):
        run.result()


def test_a_forgotten_await(app: App) -> None:
    with pytest.raises(NeverAwaited, match=rf"{FILE}:\d+: fetch\(\.\.\.\) was called but never awaited"):
        forgetful.run()


def test_a_deadlock_parks(app: App) -> None:
    with pytest.raises(RunParked, match="deadlock"):
        deadlocked.run()


@pytest.mark.parametrize(
    "endless_workflow",
    [endless, endless_async, endless_and_stubborn, endless_and_stubborn_in_verbs],
    ids=lambda flow: flow.__name__,
)
def test_an_endless_turn_is_stopped_and_parks_with_its_line(store: Any, endless_workflow: Any) -> None:
    with App(f"{store}-2", options=Options(turn_budget=0.3)):
        run = endless_workflow.start()
        other = fine.start(3)
        with pytest.raises(RunParked, match=rf"{FILE}:\d+: this workflow computed for longer"):
            run.result(30)
        assert other.result(30) == 3


# -- names and ids that some store cannot hold, at each door that they come in by ----------------------------

NO_NAMES: list[Any] = ["\ud800", "a\0b", "x" * 100_000, 5]


@workflow
async def told(verb: str, spelled: str) -> None:
    name: Any = ast.literal_eval(spelled) if spelled else ""  # spelled: no argument holds a lone surrogate
    if verb == "receive":
        await podium.receive(name, int)
    elif verb == "ask":
        await podium.ask(name, to="ops")
    elif verb == "ask, to":
        await podium.ask("Well?", to=name)
    elif verb == "send":
        await told.start("callback", "").send(name)
    elif verb == "publish":
        podium.publish(name, 1)
    elif verb == "emit":
        podium.emit(name, 1)
    elif verb == "callback":
        await podium.callback(int)


@workflow(queue=podium.Queue("by-customer", concurrency=2, per="customer"))
async def serves(customer: str) -> None:
    pass


DOORS: dict[str, Callable[[podium.Run[Any], Any], object]] = {
    "key": lambda run, text: told.options(key=text).start("", ""),
    "unique": lambda run, text: told.options(unique=text).start("", ""),
    "tags": lambda run, text: told.options(tags=[text]).start("", ""),
    "send": lambda run, text: run.send(text, 1),
    "send, id": lambda run, text: run.send("paid", 1, id=text),
    "complete": lambda run, text: podium.complete(text, 1),
    "complete, by": lambda run, text: podium.complete("none", 1, by=text),
    "answer, by": lambda run, text: run.answer(True, by=text),
    "cancel, by": lambda run, text: run.cancel(by=text),
    "value": lambda run, text: run.value(text),
    "stream": lambda run, text: list(run.stream(text)),
}


@pytest.mark.parametrize("text", NO_NAMES, ids=lambda text: ascii(text)[:9])
@pytest.mark.parametrize("door", DOORS)
def test_a_name_that_a_store_cannot_hold_is_refused_where_it_is_given(app: App, door: str, text: Any) -> None:
    run = told.options(id="mine").start("callback", "")
    assert run.id == "mine"
    with pytest.raises(UsageError, match=r"text|list of words") as caught:
        DOORS[door](run, text)
    assert len(str(caught.value)) < 300 or door == "tags"
    assert [row.id for row in app.find(Query())] == ["mine"]
    assert not run.state.is_final


@pytest.mark.parametrize("text", NO_NAMES[:2], ids=ascii)
@pytest.mark.parametrize("verb", ["receive", "ask", "ask, to", "send", "publish", "emit"])
def test_and_in_a_body(app: App, verb: str, text: str) -> None:
    with pytest.raises(UsageError, match="is needed"):
        told.run(verb, ascii(text))


@pytest.mark.parametrize("text", NO_NAMES[1:3], ids=lambda text: ascii(text)[:9])
def test_and_of_the_argument_that_a_queue_goes_by(app: App, text: str) -> None:
    with pytest.raises(UsageError, match=r"in queue by-customer\(per="):
        serves.start(text)
    assert app.find(Query()) == []


@pytest.mark.parametrize("text", NO_NAMES[:2], ids=ascii)
def test_no_run_has_such_an_id_and_no_query_looks_for_it(app: App, text: str) -> None:
    with pytest.raises(podium.RunNotFound):
        podium.get(text)
    with pytest.raises(UsageError, match="text"):
        list(podium.runs(f"tag:{text}"))
