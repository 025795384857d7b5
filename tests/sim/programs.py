"""Small programs, each with what its answer must be, given the stamps that its history records.

A task body returns "label#stamp" with a stamp of its own, so an answer tells which execution it rests on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import podium
from podium import Retry, codec, task, workflow
from podium import sleep as nap_plainly
from podium.model import COPY_BEGAN, Entry, Kind, State
from podium.testing import current_invocation


class Flaky(Exception):
    """A task's own failure."""


def stamped(label: str) -> str:
    return f"{label}#{current_invocation.get().stamp}"


def number(value: str) -> int:
    return int(value.rpartition("#")[2])


@task
async def work(label: str, rests_on: Any = None) -> str:
    return stamped(label)


@task
def labour(label: str, rests_on: Any = None) -> str:
    return stamped(label)


@task(retries=Retry(times=3, wait=0.5, factor=2))
async def flaky(label: str) -> str:
    if current_invocation.get().stamp % 3:
        raise Flaky(label)
    return stamped(label)


@task
async def broken(label: str) -> str:
    raise Flaky(label)


# -- the programs ----------------------------------------------------------------------------------------


@workflow
async def linear(steps: int) -> list[str]:
    done: list[str] = []
    for place in range(steps):
        done.append(await work(f"s{place}", done[-1:]))
    return done


@workflow
async def tells(steps: int) -> list[str]:
    """Says how far it is, before and after each step."""
    done: list[str] = []
    said = 0
    for place in range(steps):
        podium.publish("stage", place)
        podium.emit("body", said)
        done.append(await work(f"s{place}", done[-1:]))
        podium.emit("body", said + 1)
        said += 2
    podium.publish("stage", steps)
    podium.emit("body", said)
    return done


@workflow
async def diamond() -> list[str]:
    top = await work("top")
    left, right = await asyncio.gather(work("left", top), work("right", top))
    return [top, left, right, await work("bottom", [left, right])]


@workflow
async def loop(goal: int) -> list[str]:
    done: list[str] = []
    while sum(number(value) % 5 for value in done) < goal:
        done.append(await work("again", len(done)))
    return done


@workflow
async def retries(width: int) -> list[str]:
    outcomes = await asyncio.gather(*(flaky(f"f{i}") for i in range(width)), return_exceptions=True)
    return ["failed" if isinstance(outcome, Flaky) else str(outcome) for outcome in outcomes]


@workflow
async def nap(seconds: float) -> list[str]:
    before = await work("before")
    try:
        await asyncio.sleep(seconds)
    finally:
        after = labour("after", before)  # an eviction that acts would run it early
    return [before, after]


@workflow
async def race(seconds: float) -> list[str]:
    runners = [asyncio.ensure_future(work(f"r{i}")) for i in range(3)]
    done, left = await asyncio.wait(runners, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for runner in left:
        runner.cancel()
    first = sorted(runner.result() for runner in done)
    try:
        async with asyncio.timeout(seconds):
            return [*first, await work("last", first)]
    except TimeoutError:
        return [*first, "late"]


@workflow
async def queue(items: int) -> list[str]:
    line: asyncio.Queue[str | None] = asyncio.Queue(maxsize=2)
    taken: list[str] = []

    async def produce() -> None:
        for item in range(items):
            await line.put(await work("made", item))
        await line.put(None)

    async def consume() -> None:
        while (item := await line.get()) is not None:
            taken.append(await work("used", item))

    await asyncio.gather(produce(), consume())
    return taken


@workflow
async def group(width: int) -> str:
    done: list[str] = []

    async def one(label: str) -> None:
        done.append(await work(label))

    try:
        async with asyncio.TaskGroup() as tasks:
            for i in range(width):
                tasks.create_task(one(f"g{i}"))
            tasks.create_task(broken("bad"))
    except* Flaky:
        done.append("one failed")
    return " ".join(sorted(done))


@workflow
async def fan(width: int, limit: int) -> list[str]:
    mapped = await work.map([f"m{i}" for i in range(width)], limit=limit)
    return mapped + [value async for value in work.map(["x", "y", "z"]).as_completed()]


@workflow
def plain(width: int) -> list[str]:
    started = labour.start("started")
    mapped = list(labour.map([f"p{i}" for i in range(width)], limit=2))
    nap_plainly(2.5)
    return [labour("called", mapped), started.result(), *sorted(labour.map(["u", "v"]).as_completed())]


@workflow
async def waiter() -> None:
    held = await work("hold")
    try:
        await asyncio.sleep(1e7)
    finally:
        await work("let go", held)


@workflow
async def rounds(n: int, done: list[str]) -> list[str]:
    made = await work(f"n{n}", done)
    await asyncio.gather(flaky(f"f{n}"), asyncio.sleep(1.5), return_exceptions=True)
    return rounds.again(n - 1, [*done, made]) if n else [*done, made]


@workflow
async def leaf(label: str) -> str:
    return await work(label)


@workflow
def plain_leaf(label: str) -> str:
    return labour(label)


@workflow
async def family(width: int, seconds: float) -> list[str]:
    first = await leaf("first")
    late = plain_leaf.options(delay=seconds).start("late")
    return [first, *await leaf.map([f"c{n}" for n in range(width)], limit=2), await late]


@workflow
async def listens(words: int) -> list[int]:
    heard: list[int] = []
    for _ in range(words):
        heard.append(await podium.receive("word", int))
        await work("heard", len(heard))
    return heard


@workflow
async def talks(words: int) -> list[int]:
    child = listens.start(words)
    for word in range(words):
        said = child.send("word", word)
        if word % 2 == 0:  # it may leave memory as it waits for what becomes of that
            await said
        await work("said", word)
    return await child


# -- effects outside of the store, by key: each with the stamps of the bodies that had them ------------------

effects: dict[str, list[str]] = {}
undone: dict[str, list[str]] = {}  # by the value that was undone


def had_effect(label: str) -> str:
    value = stamped(label)
    effects.setdefault(podium.idempotency_key(), []).append(value)
    return value


@task(retries=Retry(times=5, wait=0.5))
async def landed(key: str, label: str) -> Any:
    """Who asks gives a value with a stamp of its own, by which it is known who says so."""
    return podium.Done(stamped(label)) if key in effects else podium.NOT_DONE


@task(retries=Retry(times=5, wait=0.5))
async def given_back(value: str, label: str) -> str:
    undone.setdefault(label, []).append(value)
    return stamped(f"un{label}")


@task(verify=landed, undo=given_back, retries=2)
async def bought(label: str) -> str:
    return had_effect(label)


@task(once=True)
async def bought_once(label: str) -> str:
    return had_effect(label)


@workflow
async def saga(width: int) -> None:
    bought_too = asyncio.ensure_future(bought("late"))
    for place in range(width):
        await bought(f"b{place}")
    await broken("ship")
    await bought_too


@workflow
async def sure(width: int) -> list[str]:
    return [await bought(f"b{place}") for place in range(width)]


@workflow
async def once_each(width: int) -> list[str]:
    return await bought_once.map([f"o{place}" for place in range(width)], limit=2)


CHILDREN = (leaf, plain_leaf, listens)


# -- what their answers must be --------------------------------------------------------------------------


def recorded(entries: Sequence[Entry]) -> list[str]:
    return [codec.decode(entry.payload) for entry in entries if entry.kind is Kind.RESULT]


def failures(entries: Sequence[Entry]) -> int:
    return sum(entry.kind is Kind.ERROR for entry in entries)


def labels(values: Sequence[str]) -> list[str]:
    return [value.partition("#")[0] for value in values]


def _wrong(state: State, answer: Any, expected: Any, fine: bool = True) -> str:
    if state is State.SUCCEEDED and answer == expected and fine:
        return ""
    return f"{state} {answer!r} instead of {expected!r}"


def check_linear(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    found = recorded(entries)
    return _wrong(state, answer, found, labels(found) == [f"s{i}" for i in range(args[0])])


check_tells = check_linear


def check_diamond(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    found = recorded(entries)
    middle = dict(zip(labels(found), found, strict=True))
    return _wrong(
        state, answer, [middle[label] for label in ("top", "left", "right", "bottom")], len(found) == 4
    )


def check_loop(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    found = recorded(entries)
    sums = [sum(number(value) % 5 for value in found[:n]) for n in (len(found) - 1, len(found))]
    return _wrong(state, answer, found, sums[0] < args[0] <= sums[1])


def check_retries(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    made = dict(zip(labels(recorded(entries)), recorded(entries), strict=True))
    expected = [made.get(f"f{i}", "failed") for i in range(args[0])]
    return _wrong(state, answer, expected, len(made) + failures(entries) == args[0])


def check_nap(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    told = [entry for entry in entries if entry.step != COPY_BEGAN]
    slept = [entry.kind for entry in told if entry.kind in (Kind.RESULT, Kind.TICK)]
    return _wrong(state, answer, recorded(entries), slept == [Kind.RESULT, Kind.TICK, Kind.RESULT])


def check_race(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    found = recorded(entries)
    late = answer is not None and answer[-1] == "late"
    return _wrong(state, answer, [*sorted(found), "late"] if late else [*sorted(found[:-1]), found[-1]])


def check_queue(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    found = recorded(entries)
    used = [value for value in found if value.startswith("used")]
    return _wrong(state, answer, used, len(found) == 2 * args[0])


def check_group(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    return _wrong(state, answer, " ".join(sorted([*recorded(entries), "one failed"])), failures(entries) == 1)


def check_fan(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    found = recorded(entries)
    mapped = sorted(found[: args[0]], key=lambda value: int(value[1:].partition("#")[0]))
    return _wrong(
        state, answer, mapped + found[args[0] :], sorted(labels(found[args[0] :])) == ["x", "y", "z"]
    )


def check_plain(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    made = dict(zip(labels(recorded(entries)), recorded(entries), strict=True))
    expected = [made["called"], made["started"], *sorted((made["u"], made["v"]))]
    return _wrong(state, answer, expected, len(made) == args[0] + 4)


def check_rounds(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    made = [value for value in recorded(entries) if value.startswith("n")]
    expected = [f"n{n}" for n in range(args[0], -1, -1)]
    fine = labels(answer or []) == expected and len(set(answer or [])) == len(expected)
    return _wrong(state, answer, made, fine)


def outcomes(entries: Sequence[Entry]) -> dict[str, Any]:
    """What children came to, by the step that waits for them."""
    told = [entry for entry in entries if entry.name.startswith("outcome/succeeded:")]
    return {entry.name.partition(":")[2]: codec.decode(entry.payload) for entry in told}


def check_family(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    told = outcomes(entries)
    mapped = [told.get(f"1.{n}/leaf") for n in range(args[0])]
    expected = [told.get("/leaf"), *mapped, told.get("/plain_leaf")]
    wanted = ["first", *(f"c{n}" for n in range(args[0])), "late"]
    return _wrong(state, answer, expected, labels([str(value) for value in expected]) == wanted)


def check_talks(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    return _wrong(state, answer, list(range(args[0])))


def twice() -> str:
    """What was done twice by one key."""
    return " ".join(key for key, values in effects.items() if len(values) > 1)


def check_saga(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    results = [entry for entry in entries if entry.kind is Kind.RESULT]
    done = [entry.step for entry in results if "bought" in entry.step]
    names = [entry.name.partition(":")[2] for entry in entries if entry.name.startswith("undoes:")]
    given = [name for n, name in enumerate(names) if name not in names[:n]]
    ended = [entry.name for entry in entries if entry.kind is Kind.ENDING]
    if state not in (State.FAILED, State.CANCELLED) or len(ended) > 1:
        return f"{state} {ended}"
    if given != done[::-1]:
        return f"{done} were done, and {given} undone"
    if len([entry for entry in results if entry.step.startswith("undo/")]) != len(done):
        return f"not all of {done} are undone"
    return twice()


def check_saga_of(run: str, args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    """The same, and no effect of this run is unknown to its record."""
    made = {key.partition(":")[2] for key in effects if key.startswith(f"{run}:")}
    known = {entry.step for entry in entries if entry.kind is Kind.RESULT}
    return check_saga(args, state, answer, entries) or " ".join(made - known)


def check_sure(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    return (
        _wrong(state, answer, recorded(entries), labels(answer or []) == [f"b{n}" for n in range(args[0])])
        or twice()
    )


def check_once_each(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    return twice() or ("" if state is State.PARKED else _wrong(state, answer, answer, len(answer) == args[0]))


def check_waiter(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    let_go = labels(recorded(entries))
    return (
        ""
        if state is State.CANCELLED and let_go in ([], ["hold"], ["hold", "let go"])
        else f"{state} {let_go}"
    )
