"""Maps that tolerate failures, by number and by share, in workflows and outside, and their retry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from podium import App, UsageError, task, workflow
from podium.machine import current_machine

seen: list[int] = []
broken: set[int] = set()


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()
    broken.clear()


@task
async def half(n: int) -> int:
    seen.append(n)
    if n in broken:
        raise ValueError(f"{n} is odd")
    return n // 2


async def drawn(items: list[int]) -> AsyncIterator[int]:
    for n in items:
        yield n


@workflow
async def halves(items: list[int], tolerate: int | str, lazily: str = "") -> list[str]:
    given: Any = drawn(items) if lazily == "async" else iter(items) if lazily else items
    return [str(each) for each in await half.map(given, limit=2, tolerate=tolerate)]


@pytest.mark.parametrize("lazily", ["", "lazily", "async"])
@pytest.mark.parametrize("tolerate", [2, "20%", "20 %"])
def test_so_many_failures_stand_among_the_results(app: App, tolerate: int | str, lazily: str) -> None:
    broken.update({3, 7})
    found = halves.run(list(range(10)), tolerate, lazily)
    assert [found[3], found[7]] == ["3 is odd", "7 is odd"]
    assert found[8:] == ["4", "4"]


@pytest.mark.parametrize("lazily", ["", "lazily", "async"])
@pytest.mark.parametrize("tolerate", [1, "19.9%"])
def test_one_more_fails_the_map(app: App, tolerate: int | str, lazily: str) -> None:
    broken.update({3, 7})
    with pytest.raises(ValueError, match="7 is odd") as caught:
        halves.run(list(range(10)), tolerate, lazily)
    said = [note for note in caught.value.__notes__ if "items failed" in note]
    assert len(said) == 1


@workflow
async def rounds(n: int) -> int:
    machine = current_machine()
    assert machine is not None
    for round in range(n):
        await half.map([round], tolerate=1)
    return len(machine.fan_outs)


def test_a_map_that_is_over_is_not_kept_until_its_workflow_ends(app: App) -> None:
    assert rounds.run(5) == 0


def test_what_is_known_to_be_too_many_cancels_the_rest(app: App) -> None:
    broken.update(range(100))
    with pytest.raises(ValueError, match="is odd"):
        halves.run(list(range(100)), "2%")
    assert len(seen) <= 4, "two may fail, the third ends it, and two are under way at most"


def test_a_retry_does_the_failed_items_again_and_no_other(app: App) -> None:
    broken.update({0, 3, 7})
    run = halves.start(list(range(10)), 2)
    with pytest.raises(ValueError, match="7 is odd"):
        run.result()
    done = set(seen) - broken
    seen.clear()
    broken.clear()
    again = run.retry()
    assert again.result() == [str(n // 2) for n in range(10)]
    assert not done & set(seen), "what went well is not done again"
    assert set(seen) | done == set(range(10))


def test_a_retry_of_a_retry_does_likewise(app: App) -> None:
    broken.update({0, 3, 7})
    run = halves.start(list(range(10)), 2)
    for left in ({0, 3, 9}, {9}):
        with pytest.raises(ValueError, match="is odd"):
            run.result()
        broken.clear()
        broken.update(left)
        run = run.retry()
    assert run.result()[9] == "9 is odd"


@workflow
async def halved(n: int) -> int:
    return await half(n)


@workflow
async def child_halves(items: list[int], tolerate: int | str) -> list[str]:
    return [str(each) for each in await halved.map(items, tolerate=tolerate)]


def test_child_runs_may_be_tolerated_too(app: App) -> None:
    broken.add(1)
    assert child_halves.run([0, 1, 2], 1) == ["0", "1 is odd", "1"]
    with pytest.raises(ValueError, match="1 is odd"):
        child_halves.run([0, 1, 2, 4], "24%")


def test_outside_of_workflows_it_is_the_same(app: App) -> None:
    broken.update({1, 2})
    assert [str(each) for each in halved.map([0, 1, 2], tolerate=2)] == ["0", "1 is odd", "2 is odd"]
    assert len(list(halved.map(iter([0, 1, 2]), tolerate="70%"))) == 3
    for tolerate in (1, "60%"):
        with pytest.raises(ValueError, match="is odd"):
            list(halved.map(iter([0, 1, 2]), tolerate=tolerate))


@pytest.mark.parametrize("tolerate", [-1, 1.5, "5", "x%", "101%", True, None])
def test_what_is_no_tolerance_is_refused(app: App, tolerate: Any) -> None:
    with pytest.raises(UsageError, match="a number of failures"):
        half.map([1], tolerate=tolerate)


def test_any_number_and_a_number_are_not_both_said(app: App) -> None:
    with pytest.raises(UsageError, match="tolerates any number"):
        half.map([1], on_error="return", tolerate=3)
