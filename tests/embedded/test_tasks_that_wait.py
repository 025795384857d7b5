"""Tasks that wait for runs, more of them than there are slots, places in memory or both."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from podium import App, Options, Run, task, workflow

WIDE = 40  # times what there is room for
FEW = Options(thread_slots=2, loop_slots=2, runs_max=2, poll=0.05, grace=1)


@task
def leaf(n: int) -> int:
    return n


@task
async def async_leaf(n: int) -> int:
    return n


@workflow
async def below(n: int) -> int:
    return leaf(n) + await async_leaf(n)


@workflow
async def above(n: int) -> int:
    """One more level of waiting."""
    return waits_in_a_thread(n) + await awaits(n)


@task
def waits_in_a_thread(n: int) -> int:
    return below.run(n)


@task
def waits_for_a_map(n: int) -> int:
    return sum(below.map([n, n], limit=1))


@task
def waits_in_threads_of_its_own(n: int) -> int:
    with ThreadPoolExecutor(2) as threads:
        return sum(threads.map(below.run, [n, n]))


@task
async def awaits(n: int) -> int:
    return await below(n)


@task
async def awaits_many(n: int) -> int:
    return sum(await asyncio.gather(below(n), below(n)))


@task
async def waits_in_another_thread(n: int) -> int:
    return await asyncio.to_thread(functools.partial(below.run, n))


@task
def waits_for_those_that_wait(n: int) -> int:
    return above.run(n)


@workflow
async def each(kind: str, wide: int) -> int:
    return sum(await KINDS[kind].map(range(wide)))


KINDS = {
    kind.name.rpartition(":")[2]: kind
    for kind in (
        waits_in_a_thread, waits_for_a_map, waits_in_threads_of_its_own, awaits, awaits_many,
        waits_in_another_thread, waits_for_those_that_wait,
    )
}  # fmt: skip


DOUBLE = ("waits_in_threads_of_its_own", "waits_for_a_map", "awaits_many", "waits_for_those_that_wait")


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_that_waits_for_a_run_lends_its_slot(tmp_path: Path, kind: str) -> None:
    """All that wait are in one run, whose place in memory is one of two."""
    with App(tmp_path / "podium.db", options=FEW):
        total = (4 if kind in DOUBLE else 2) * sum(range(WIDE))
        assert each.start(kind, WIDE).result(30) == total


@pytest.mark.parametrize("kind", ["waits_in_a_thread", "awaits"])
def test_what_waits_in_memory_does_not_keep_out_what_it_waits_for(tmp_path: Path, kind: str) -> None:
    """Each is a run of its own, so that all places in memory are taken by runs that wait."""
    with App(tmp_path / "podium.db", options=FEW):
        runs = [each.start(kind, 1 + n % 2) for n in range(WIDE)]
        assert _results(runs) == [2 * (n % 2) for n in range(WIDE)]


def test_no_number_of_threads_that_wait_is_too_many(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db", options=Options(thread_slots=4)):
        assert each.start("waits_in_a_thread", 400).result(60) == 2 * sum(range(400))


def test_more_coroutines_may_wait_than_there_are_slots(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db"):
        assert each.start("awaits", 1500).result(60) == 2 * sum(range(1500))


running: set[int] = set()
most = 0


@task
def crowds(n: int) -> None:
    """Notes how many of its kind run beside it."""
    global most
    running.add(n)
    most = max(most, len(running))
    time.sleep(0.01)
    running.remove(n)


@task
async def async_crowds(n: int) -> None:
    global most
    running.add(n)
    most = max(most, len(running))
    await asyncio.sleep(0.01)
    running.remove(n)


@workflow
async def crowding(kind: str) -> None:
    await (crowds if kind == "waits_in_a_thread" else async_crowds).map(range(20))


@pytest.mark.parametrize("kind", ["waits_in_a_thread", "awaits"])
def test_slots_that_were_lent_are_given_back(tmp_path: Path, kind: str) -> None:
    """Otherwise the limit would grow with every wait."""
    global most
    most = 0
    with App(tmp_path / "podium.db", options=FEW):
        each.start(kind, WIDE).result(30)
        crowding.run(kind)
    assert most == 2


def _results(runs: Sequence[Run[int]]) -> list[int]:
    return [run.result(30) for run in runs]
