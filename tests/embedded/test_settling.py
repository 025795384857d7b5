"""What a person says of a step: it fits what the step returns, it is on record with who said it, and a retry
leaves alone what was to stay as it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import click
import pytest
from msgspec.structs import replace

import podium
from podium import App, RunParked, UsageError, codec, task, workflow
from podium.cli.story import entry_line, tree
from podium.client import steering
from podium.inspect import RunProgress, cause_of, entry_shape, history
from podium.inspect.graph import graph
from podium.inspect.run_page import run_page
from podium.model import PAUSE, SETTLE, Kind, Message, State, Write

seen: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


@dataclass
class Label:
    order: str
    grams: int


@task(once=True, timeout=0.05)
async def ship(order: str) -> Label:
    seen.append(("ship", order))
    await asyncio.sleep(1000)
    return Label(order, 1)


def free(stock: int, order: str) -> None:
    seen.append(("free", stock, order))


@task(undo=free)
async def reserve(order: str) -> int:
    return len(order)


@workflow
async def sells(order: str) -> int:
    await reserve(order)
    label = await ship(order)
    return label.grams


@task(once=True, timeout=0.05)
async def print_label() -> podium.Blob:
    await asyncio.sleep(1000)
    return podium.Blob(b"")


@task
async def size(label: podium.Blob) -> int:
    return len(label)


@workflow
async def prints() -> int:
    return await size(await print_label())


def parked(run: podium.Run[Any]) -> podium.Run[Any]:
    with pytest.raises(RunParked):
        run.result(20)
    return run


# -- it fits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [12, {"order": "7"}, {"order": "7", "grams": "many"}])
@pytest.mark.parametrize("imported", [True, False])
def test_a_result_that_does_not_fit_is_refused_at_the_door(
    app: App, wrong: Any, imported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = parked(sells.start("7"))
    if not imported:  # as of `podium settle`
        monkeypatch.setattr("podium.client.decisions.registry", {})
    with pytest.raises(UsageError, match="ship"):
        run.settle("ship", happened=wrong)
    assert run.state is State.PARKED
    run.settle("ship", happened={"order": "7", "grams": 30})
    assert run.result(20) == 30


@pytest.mark.parametrize("how", ["happened", "not imported", "failed"])
def test_what_is_settled_in_a_loop_is_the_value_as_it_was_given(
    app: App, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = parked(sells.start("7"))
    if how == "not imported":
        monkeypatch.setattr("podium.client.decisions.registry", {})

    async def settle() -> None:
        label, error = Label("7", 30), ValueError("lost")
        done = run.settle("ship", failed=error) if how == "failed" else run.settle("ship", happened=label)
        label.grams, error.args = 31, ("found",)
        await done

    asyncio.run(settle())
    if how == "failed":
        with pytest.raises(ValueError, match="lost"):
            run.result(20)
    else:
        assert run.result(20) == 30


def settled_past_the_door(app: App, run: podium.Run[Any], value: Any) -> None:
    """As by an older Podium, or one that knows another type."""
    message = Message(app.env.new_id(), run.id, SETTLE, app.env.now(), state="succeeded", sender="ada")
    write = steering.settling(app.load(run.id), "ship", message)
    (asked,) = write.messages
    messages = (replace(asked, payload=codec.encode(value)),)
    app.decisions.write(replace(write, messages=messages)).result()


def test_one_that_came_through_all_the_same_is_set_aside_and_can_be_settled_again(app: App) -> None:
    run = parked(sells.start("7"))
    settled_past_the_door(app, run, 12)
    with pytest.raises(RunParked, match="what ada has settled is not what it returns"):
        run.result(20)
    assert Kind.SET_ASIDE in [entry.kind for entry in run.history()]
    assert "podium settle" in run.why()
    cause = cause_of(app, app.load(run.id))
    assert cause.fix.startswith(f"podium settle {run.id} /ship"), "resumed it is parked again"
    parked(run.resume() and run)
    run.settle("ship", happened=Label("7", 30))
    assert run.result(20) == 30
    assert seen == [("ship", "7")], "begun once, whatever was said of it"


def test_after_one_that_was_set_aside_a_cancel_undoes(app: App) -> None:
    run = parked(sells.start("7"))
    settled_past_the_door(app, run, 12)
    parked(run)
    run.cancel()
    parked(run)
    run.settle("ship", failed=RuntimeError("no"))
    with pytest.raises(podium.RunCancelled):
        run.result(20)
    assert seen[-1] == ("free", 1, "7")


def test_a_value_by_reference_may_be_settled(app: App) -> None:
    run = parked(prints.start())
    run.settle("print_label", happened=podium.Blob(b"abc"))
    assert run.result(20) == 3


@pytest.mark.parametrize("given", [None, 7])
def test_of_what_undoes_a_step_any_result_will_do(app: App, given: Any) -> None:
    run = parked(undoes.start())
    run.settle("cannot", happened=given)
    with pytest.raises(ValueError, match="no"):
        run.result(20)


@task(retries=0)
def cannot(made: int) -> str:
    raise OSError("down")


@task(undo=cannot)
async def make() -> int:
    return 1


@workflow
async def undoes() -> None:
    await make()
    raise ValueError("no")


# -- a retry ---------------------------------------------------------------------------------------------


def give_back(receipt: str, item: str) -> None:
    seen.append(("give back", item, podium.idempotency_key()))
    if item in broken:
        raise OSError("down")


broken: set[str] = set()


@pytest.fixture(autouse=True)
def _nothing_broken() -> None:
    broken.clear()


@task(undo=task(give_back, retries=0))
async def buy(item: str) -> str:
    seen.append(("buy", item, podium.idempotency_key()))
    return f"receipt of {item}"


@task(once=True)
async def post(item: str) -> str:
    seen.append(("post", item, podium.idempotency_key()))
    return f"post {item}"


@task
async def end(what: str) -> str:
    if "end" in broken:
        raise ValueError("no end")
    return what


@workflow
async def buys(items: list[str]) -> str:
    receipts = [await buy(item) for item in items]
    posted = await post(items[0])
    return await end(f"{receipts[-1]}, {posted}")


def failed(run: podium.Run[Any]) -> podium.Run[Any]:
    with pytest.raises(ValueError, match="no end"):
        run.result(20)
    return run


def did(what: str) -> list[tuple[str, str]]:
    return [(about[1], about[2].partition(":")[2]) for about in seen if about[0] == what]


def test_what_a_person_left_as_it_is_is_not_done_again_by_a_retry(app: App) -> None:
    broken.update(("end", "b"))
    run = parked(buys.start(["a", "b", "c"]))
    run.settle("give_back", failed=RuntimeError("it stays"))
    failed(run)
    broken.clear()
    again = run.retry()
    assert again.result(20) == "receipt of c, post a"
    assert did("buy") == [
        ("a", "/buy"), ("b", "/buy#1"), ("c", "/buy#2"), ("a", "/buy~1"), ("c", "/buy#2~1"),
    ]  # fmt: skip
    assert did("post") == [("a", "/post")], "nor is what has nothing to undo it"
    stands = [entry.step for entry in again.history() if entry.kind is Kind.STANDS]
    assert stands == ["/buy#1", "/post"]


def test_what_stands_is_undone_when_the_retry_fails_and_stands_in_the_next_one(app: App) -> None:
    broken.update(("end", "b"))
    run = parked(buys.start(["a", "b"]))
    run.settle("give_back", failed=RuntimeError("it stays"))
    again = parked(failed(run).retry())
    again.settle("give_back", failed=RuntimeError("it stays"))
    third = failed(again).retry()
    broken.clear()
    broken.add("end")
    failed(third)
    assert [key for item, key in did("buy") if item == "b"] == ["/buy#1"]
    assert [key for item, key in did("give back") if item == "b"][-1] == "undo/give_back~2"
    broken.clear()
    assert third.retry().result(20) == "receipt of b, post a"
    assert [key for item, key in did("buy") if item == "b"] == ["/buy#1", "/buy#1~3"]
    assert len(did("post")) == 1


def test_what_stands_is_no_outcome_of_another_call(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    broken.add("end")
    run = failed(buys.start(["a"]))
    broken.clear()
    monkeypatch.setitem(globals(), "post", post_other)
    again = run.retry()
    with pytest.raises(RunParked, match="it was done before this retry, with other arguments"):
        again.result(20)
    again.settle("post", again=True)
    assert again.result(20) == "receipt of a, post other a"


def post_other(item: str) -> Any:
    return posting(f"other {item}")


posting = post


def test_a_fork_of_a_retry_does_again_what_stood(app: App) -> None:
    broken.add("end")
    run = failed(buys.start(["a"]))
    again = failed(run.retry())
    broken.clear()
    fork = again.fork(at="buy")
    assert fork.result(20) == "receipt of a, post a"
    assert len(did("post")) == 2


def test_a_retry_knows_that_a_person_has_said_it_happened(app: App) -> None:
    broken.add("end")
    run = parked(pays.start())
    run.settle("ship", happened=Label("7", 30))
    failed(run)
    broken.clear()
    assert run.retry().result(20) == "30"
    assert seen == [("ship", "7")]


@workflow
async def pays() -> str:
    label = await ship("7")
    return await end(str(label.grams))


def test_what_a_person_said_has_happened_stands_where_what_came_before_it_was_undone(app: App) -> None:
    broken.add("end")
    run = parked(buys_and_ships.start())
    run.settle("ship", happened=Label("7", 30))
    again = failed(run).retry()
    broken.clear()
    assert again.result(20) == "receipt of a, 30"
    assert [about[:2] for about in seen] == [("buy", "a"), ("ship", "7"), ("give back", "a"), ("buy", "a")]


@workflow
async def buys_and_ships() -> str:
    receipt = await buy("a")
    label = await ship("7")
    return await end(f"{receipt}, {label.grams}")


# -- on record -------------------------------------------------------------------------------------------


def shown(app: App, run: podium.Run[Any]) -> str:
    progress = RunProgress(history.entries(app.store, run.id), branches=True)
    return click.unstyle("\n".join(tree(progress, app.load(run.id), app.env.now())))


def test_what_a_person_said_is_shown_with_who_said_it(app: App) -> None:
    run = parked(sells.start("7"))
    run.settle("/ship", happened=Label("7", 30), by="ada")
    assert run.result(20) == 30
    entries = list(history.entries(app.store, run.id))
    assert "✉ settled /ship: happened, by ada" in "\n".join(map(entry_line, entries))
    (shape,) = [each for each in map(entry_shape, entries) if each.kind == "message"]
    assert (shape.name, shape.by) == ("settle/succeeded:/ship", "ada")
    lines = shown(app, run)
    assert "✔ ship" in lines
    assert "✉ settled /ship: happened, by ada" in lines
    assert "settled /ship: happened, by ada" in run_page(app, app.load(run.id))
    assert [node.state for node in graph(entries, State.SUCCEEDED).nodes] == ["succeeded"] * 2


def test_a_step_that_is_to_begin_again_is_not_over(app: App) -> None:
    run = parked(sells.start("7"))
    run.settle(f"{__name__}:ship", again=True, by="ada")
    parked(run)
    progress = RunProgress(history.entries(app.store, run.id))
    assert [entry.step for entry in progress.begun] == ["/ship"]
    assert "settled /ship: to begin again, by ada" in shown(app, run)


def test_why_says_that_a_run_that_nobody_drives_is_undoing_and_is_to_pause(app: App) -> None:
    run = parked(undoes.start())
    asked = Message("pause-1", run.id, PAUSE, app.env.now(), sender="ada")
    row = replace(app.load(run.id), state=State.RUNNING, owner="gone", payload=b"")
    app.decisions.write(Write(messages=(asked,))).result()
    details = cause_of(app, row).details
    assert "it is undoing what it has done" in details
    assert any(each.startswith("it was asked to pause") for each in details)


def test_why_a_step_is_in_doubt_is_one_sentence(app: App) -> None:
    run = parked(sells.start("7"))
    assert "deadline of its own" not in cause_of(app, app.load(run.id)).what
