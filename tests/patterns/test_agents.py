"""Agents and data.

Scripted models stand for real ones.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from podium import task, workflow
from tests.patterns.conftest import Play
from tests.patterns.steps import HOUR, after, done, tell, work


@task
async def model(prompt: str) -> str:
    """Another system's answer: a replay has it from the record, and spends no tokens."""
    script = {"plan: trip": "flight hotel", "judge: a": "more", "judge: aa": "good"}
    return script.get(prompt, f"did {prompt}")


@workflow
async def orchestrator(goal: str, budget: int = 5) -> str:
    subtasks = (await model(f"plan: {goal}")).split()
    answers = await model.map(subtasks[: budget - 2], tolerate="50%")  # a worker may fail
    return await model("sum of " + " and ".join(each for each in answers if isinstance(each, str)))


def test_orchestrator(play: Play) -> None:
    """Orchestrator and workers. A lead model decides the subtasks at run time, within a budget of calls."""
    assert play(orchestrator, "trip") == "did sum of did flight and did hotel"


@workflow
async def conditional_sends(names: list[str]) -> dict[str, int]:
    letters: Counter[str] = Counter()
    for answer in await work.map([f"{name}{n}" for n, name in enumerate(names)]):  # to each its own input
        letters.update(answer)  # the reducer: the order of the branches does not matter
    return dict(letters)


def test_conditional_sends(play: Play) -> None:
    """Sends and reducers. Any number of branches, each with an input of its own, write into one state."""
    assert play(conditional_sends, ["a", "a"]) == {"A": 2, "0": 1, "1": 1}


@workflow
async def with_a_judge(text: str, rounds: int = 3) -> str:
    for _ in range(rounds):  # the guard
        if await model(f"judge: {text}") == "good":
            return text
        text += "a"
    return f"{text}, not good yet"


def test_with_a_judge(play: Play) -> None:
    """Loop with a judge. It is done again until a judge is content, or so many times."""
    assert play(with_a_judge, "a") == "aa"
    assert play(with_a_judge, "b") == "baaa, not good yet"


@workflow
async def specialist(question: str) -> str:
    return await model(question)


@workflow
async def manager(question: str) -> str:
    facts = await specialist(f"facts of {question}")  # a run of its own, used as a tool
    return await model(f"answer by {facts}")


def test_manager(play: Play) -> None:
    """Manager; agents as tools. An agent is a workflow, and another calls it."""
    assert play(manager, "why") == "did answer by did facts of why"


@workflow
async def handoff(question: str) -> str:
    if await model(f"route: {question}") == "did route: refund":
        return await specialist(question)  # nothing comes behind it: control has moved for good
    return await model(question)


def test_handoff(play: Play) -> None:
    """Handoff. Control goes to another agent, whose answer is the answer."""
    assert play(handoff, "refund") == "did refund"


@task
async def count(chunk: list[str]) -> dict[str, int]:
    return dict(Counter(chunk))  # combined before it is handed on


@workflow
async def map_reduce(words: list[str], size: int) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in await count.map([words[n : n + size] for n in range(0, len(words), size)]):
        total.update(part)
    return dict(total)


def test_map_reduce(play: Play) -> None:
    """MapReduce; chunks. Items go in chunks, each is combined where it is, and the sums meet."""
    assert play(map_reduce, ["a", "b", "a"], 2) == {"a": 2, "b": 1}


@workflow
async def backup_task() -> str:
    racing = [asyncio.ensure_future(after(20))]
    ended, late = await asyncio.wait(racing, timeout=2 * HOUR)
    if not ended:
        racing.append(asyncio.ensure_future(after(1)))  # the same work once more
        ended, late = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
    for each in late:
        each.cancel()
    return ended.pop().result()


def test_backup_task(play: Play) -> None:
    """Backup task. What is late is begun once more, and the first to end counts."""
    assert play(backup_task) == "hour 1"
    assert done == ["hour 1"]


@workflow
async def back_pressure(count: int) -> int:
    told = 0
    async for _ in tell.map((f"row {n}" for n in range(count)), limit=2).as_completed():
        told += 1  # rows are drawn from the source as others end
    return told


def test_back_pressure(play: Play) -> None:
    """Back-pressure; bound of what is pending. A lazy source is drawn from only as fast as steps end."""
    assert play(back_pressure, 4) == 4
    assert len(done) == 4
