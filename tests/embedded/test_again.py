"""`return poll.again(n + 1)`: an endless run, a generation at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import podium
from podium import App, task, workflow
from podium.model import Kind

keys: list[str] = []
failing = [True]


@pytest.fixture(autouse=True)
def _afresh() -> None:
    keys.clear()
    failing[:] = [True]


@task
def keyed(n: int) -> int:
    keys.append(podium.idempotency_key())
    return n


@workflow
def plain(n: int, seen: list[int]) -> list[int]:
    seen = [*seen, keyed(n)]
    podium.sleep(0.02)
    return plain.again(n + 1, seen) if n < 3 else seen


@workflow(timeout=1.0)
async def patient(n: int) -> str:
    await asyncio.sleep(0.4)
    return patient.again(n - 1) if n else "in time, each time"


@workflow
async def forgetful(n: int) -> int:
    forgetful.again(n + 1)
    return n


@workflow
async def astray(n: int) -> int:
    return forgetful.again(n)


@workflow
async def careless(n: int) -> int:
    return careless.again("seven")  # pyright: ignore[reportArgumentType]  # it is wrong


@task
async def fails_once(n: int) -> int:
    if failing.pop() if n == 2 and failing else False:
        raise ValueError("at two")
    return n


@workflow
async def breaks(n: int) -> tuple[int, int]:
    first = keyed(n)
    second = await fails_once(n)
    return breaks.again(n + 1) if n < 3 else (first, second)


@workflow
async def rests(n: int) -> int:
    await asyncio.sleep(0 if n < 2 else 1000)
    return rests.again(n + 1)


@workflow
def drawn(seen: list[str]) -> list[str]:
    seen = [*seen, str(podium.uuid4())]
    return drawn.again(seen) if len(seen) < 3 else seen


def test_a_run_goes_on_under_its_id_with_a_history_that_begins_anew(app: App) -> None:
    run = plain.options(id="poll").start(0, [])
    assert run.result(timeout=20) == [0, 1, 2, 3]
    row = app.load("poll")
    assert (row.generation, row.base, row.entries) == (3, 6, 8)
    assert [entry.kind for entry in run.history()] == 2 * [Kind.RESULT, Kind.TICK]


def test_each_generation_has_idempotency_keys_and_chance_of_its_own(app: App) -> None:
    plain.run(0, [])
    assert len(set(keys)) == 4
    assert len(set(drawn.run([]))) == 3


def test_the_timeout_begins_anew(app: App) -> None:
    assert patient.start(4).result(timeout=20) == "in time, each time"


def test_a_retry_goes_on_in_the_generation_that_failed(app: App) -> None:
    run = breaks.start(0)
    with pytest.raises(ValueError, match="at two"):
        run.result(timeout=20)
    retried = run.retry()
    assert retried.result(timeout=20) == (3, 3)
    assert len(keys) == 4, "what was done in the generation that failed was not done again"
    assert app.load(retried.id).generation == 3


def test_a_run_that_begins_anew_is_cancelled_as_any_other(app: App) -> None:
    run = rests.start(0)
    run.cancel().result()
    with pytest.raises(podium.RunCancelled):
        run.result(timeout=20)


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        (forgetful, "forgetful.again(...) was called, but forgetful returned something else"),
        (astray, "forgetful.again(...) in the body of astray"),
        (careless, "careless(n=...) wants int"),
    ],
    ids=["not returned", "of another", "wrong arguments"],
)
def test_what_cannot_be_fails_with_the_fix(app: App, flow: Any, said: str) -> None:
    with pytest.raises(podium.PodiumError) as failed:
        flow.run(1)
    assert said in str(failed.value)


def test_outside_of_its_body_nothing_begins_anew(app: App) -> None:
    with pytest.raises(podium.UsageError, match="works in the body of a workflow"):
        plain.again(1, [])
