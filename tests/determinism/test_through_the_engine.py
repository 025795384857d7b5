"""The same once more through the real engine, dropped from memory whenever it only waits."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import podium
from podium import App, Options, task, workflow
from podium.model import FED
from tests.unit.machine.driver import Life

chance = random.Random(11)


@task
def think(n: int) -> int:
    podium.sleep(chance.random() / 300)
    return n * 3


@task
async def fetch(n: int) -> int:
    await asyncio.sleep(chance.random() / 300)
    return n * 10


@workflow
async def racing(width: int) -> list[object]:
    seen: list[object] = []

    async def branch(n: int) -> None:
        seen.append(think(n))
        await asyncio.sleep(0.002 * (n % 3))
        seen.append(await fetch(n))

    async with asyncio.TaskGroup() as group:
        for n in range(width):
            group.create_task(branch(n))
        pending = {asyncio.create_task(fetch(n)) for n in range(width)}
        while pending:
            done, pending = await asyncio.wait(pending, timeout=0.004, return_when=asyncio.FIRST_COMPLETED)
            seen.append([task.result() for task in done])
    return [*seen, podium.uuid4(), podium.random().random()]


@workflow
def collecting(width: int) -> list[object]:
    seen: list[object] = []
    early = [think.start(n) for n in range(width)]
    for value in fetch.map(range(2 * width), limit=3).as_completed():
        seen.append(value)
        if value % 50 == 0:
            podium.sleep(0.003)
    return [*seen, *(run.result() for run in early), podium.uuid4()]


def test_what_was_recorded_replays_to_the_same_answer(tmp_path: Path) -> None:
    with App(tmp_path / "podium.db", options=Options(evict_always=True, poll=0.05)) as app:
        for program in (racing, collecting):
            runs = [program.start(5) for _ in range(20)]
            answers = [run.result(60) for run in runs]
            assert len({str(answer[:-2]) for answer in answers}) > 1, "they all went the same way"
            for run, answer in zip(runs, answers, strict=True):
                fed = [entry for entry in run.history() if entry.kind in FED]
                begun = app.load(run.id).started
                assert begun is not None
                again = Life(program._function, 5, history=fed, id=run.id, begun=begun)
                assert again.value() == answer
