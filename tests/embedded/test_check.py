"""`podium.check`: a dry replay of what is on record, which does nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest

import podium
from podium import App, Options, UsageError, task, workflow
from podium.model import STARTS, Kind, State
from tests.embedded.test_again import plain
from tests.waiting import until

done: list[str] = []
LOG = logging.getLogger("tests.check")


@task
async def one(n: int) -> int:
    done.append(f"one {n}")
    return n + 1


@task
async def two(n: int) -> int:
    done.append(f"two {n}")
    return n * 2


@workflow
async def adds(n: int) -> int:
    first = await one(n)
    LOG.warning("first %s", first)
    return first + await two(first)


@workflow
async def waits(n: int) -> int:
    first = await one(n)
    await podium.receive("go")
    return first


@workflow
def raises() -> None:
    raise ValueError("boom")


@pytest.fixture(autouse=True)
def _nothing_done() -> Iterator[None]:
    yield
    done.clear()


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, Callable[..., Any]], None]:
    """Gives a workflow another body, as an editor would."""

    def edited(declared: Any, body: Callable[..., Any]) -> None:
        assert isinstance(body, FunctionType)
        monkeypatch.setattr(declared._function, "fn", body)
        monkeypatch.setattr(declared._function, "fingerprint", "edited")

    return edited


def outcomes(**given: Any) -> list[tuple[str, str]]:
    return [(each.outcome, each.what) for each in podium.check(**given)]


def test_nothing_runs_nothing_is_said_and_nothing_is_written(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    run = adds.start(1)
    assert run.result() == 6
    before, said, ran = run.history(), len(caplog.records), list(done)
    assert outcomes(last=5) == [("as recorded", "")]
    assert (run.history(), len(caplog.records), done) == (before, said, ran)


def test_of_those_that_have_ended_the_newest_are_checked_and_only_when_asked_for(app: App) -> None:
    for n in range(3):
        adds.run(n)
    assert outcomes() == []
    assert len(outcomes(last=2)) == 2
    assert len(outcomes(query="workflow:adds", last=9)) == 3
    assert outcomes(query="workflow:other", last=9) == []


def test_an_ended_run_whose_end_would_be_another_is_told(
    app: App, edit: Callable[[Any, Callable[..., Any]], None]
) -> None:
    adds.run(1)
    raises_run = raises.start()
    with pytest.raises(ValueError, match="boom"):
        raises_run.result()

    async def other(n: int) -> int:
        return await one(n) * await two(2)

    async def more(n: int) -> int:
        return await two(await one(n)) + await one(0)

    edit(adds, other)
    query = "workflow:adds"
    assert outcomes(query=query, last=1) == [("ends otherwise", "it returned 6, and now would return 8")]
    edit(adds, more)
    assert outcomes(query=query, last=1) == [("ends otherwise", "it is succeeded, and now asks for /one#1")]
    assert outcomes(query="workflow:raises", last=1) == [("as recorded", "")]
    assert all(each.is_well for each in podium.check(last=9))


def test_a_body_that_waits_for_ever_or_computes_for_ever_would_park(
    store: Any, edit: Callable[[Any, Callable[..., Any]], None]
) -> None:
    with App(store, options=Options(turn_budget=0.3)):
        run = waits.start(1)
        until(lambda: len(run.history()) == 1)

        async def forever(n: int) -> int:
            await one(n)
            while True:
                pass

        edit(waits, forever)
        (found,) = podium.check()
        assert (found.outcome, found.is_well) == ("would park", False)
        assert "computed for longer" in found.what
        loop = forever.__code__.co_firstlineno + 2
        assert found.line.partition("test_check.py:")[2] in (str(loop), str(loop + 1))
        run.cancel()


def test_a_generation_is_replayed_from_where_it_began(app: App) -> None:
    plain.run(0, [])
    assert outcomes(query="workflow:plain", last=1) == [("as recorded", "")]


@workflow
async def looks() -> int:
    return len(podium.check())


def test_a_body_cannot_check(app: App) -> None:
    with pytest.raises(UsageError, match=r"podium\.check\(\.\.\.\) in a workflow's body"):
        looks.run()
    with pytest.raises(UsageError, match="last"):
        podium.check(last=-1)


@task(once=True)
async def ships(n: int) -> int:
    await asyncio.sleep(60)
    return n


@workflow
async def asks() -> str:
    return await podium.ask("go on?", str)


@workflow
async def sends() -> int:
    return await ships(100)


@workflow
async def has_child() -> int:
    return await waits(100)


async def asks_other() -> str:
    return await podium.ask("delete everything?", str)


async def asks_about_other() -> str:
    return await podium.ask("go on?", str, about={"n": 2})


async def sends_more() -> int:
    return await ships(200)


async def has_other_child() -> int:
    return await waits(200)


async def adds_before_it_asks() -> str:
    return f"{await one(7)} {await podium.ask('go on?', str)}"


async def adds_before_its_child() -> int:
    return await one(7) + await waits(100)


_OTHER = "with other arguments"
_BEFORE = "asks for one() (call 1 in the body)"


@pytest.mark.parametrize(
    ("declared", "body", "differs"),
    [
        (asks, asks_other, _OTHER),
        (asks, asks_about_other, _OTHER),
        (sends, sends_more, _OTHER),
        (has_child, has_other_child, _OTHER),
        (asks, adds_before_it_asks, _BEFORE),
        (has_child, adds_before_its_child, _BEFORE),
    ],
)
def test_what_is_open_is_compared_with_the_edited_code(
    store: Any,
    edit: Callable[[Any, Callable[..., Any]], None],
    declared: Any,
    body: Callable[..., Any],
    differs: str,
) -> None:
    """Before, the answer to one question was taken for that to another, put in its place;
    and a step put before it was done, whereupon the answer parked the run with E900."""
    before = declared._function.fn
    options = Options(poll=0.05, grace=0.1)
    with App(store, options=options):
        run = declared.start()
        until(lambda: is_open(run))
        run_id, history = run.id, run.history()
    line = f"test_check.py:{body.__code__.co_firstlineno + 1}"
    with App(store, drives="nothing"):
        assert outcomes(query=f"id:{run_id}") == [("goes on", "")]
        edit(declared, body)
        (found,) = podium.check(query=f"id:{run_id}")
        assert (found.outcome, differs in found.what) == ("would park", True)
        assert line in found.line
    with App(store, options=options):
        run = podium.get(run_id)
        until(lambda: run.state is State.PARKED)
        why = str(run.why())
        assert "E204" in why, why
        assert line in why, why
        assert run.history()[: len(history)] == history
        assert "one 7" not in done
        edit(declared, before)
        assert outcomes(query=f"id:{run_id}") == [("goes on", "")]
        run.terminate()


def is_open(run: Any) -> bool:
    return any(entry.kind is Kind.SENT or entry.kind in STARTS for entry in run.history())
