"""The order in which what is ready goes on: first woken, first served, callbacks and branches that wait at an
`await` or in a plain call.

A record is replayed by that order. So it is held here by programs whose order is written down, by programs by
chance beside the rule in its simplest form, and by changes of the order, each of which must be noticed.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import textwrap
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from greenlet import getcurrent, greenlet

import podium
from podium import task
from podium.machine.branch import Task
from podium.machine.loop import Loop
from podium.machine.workers import new_worker, workers
from tests.unit.machine.driver import Life

Branch = Callable[[str], Coroutine[Any, Any, None]]


@task
def pay(n: int) -> int:
    return n + 100


@task
async def fetch(n: int) -> int:
    return n * 10


# -- programs, each with what happens to it and the order by the rule ------------------------------------


async def one_step_wakes_all() -> list[str]:
    """Who asked first is in line itself; of the others a callback each, which puts a plain one in line."""
    seen: list[str] = []
    gate = pay.start(1)
    future: Any = gate._source._step

    async def plain(name: str) -> None:
        gate.result()
        seen.append(name)

    async def awaits(name: str) -> None:
        await gate
        seen.append(name)

    branches = [
        asyncio.create_task(branch(name))
        for branch, name in ((plain, "p0"), (awaits, "a0"), (plain, "p1"), (awaits, "a1"), (plain, "p2"))
    ]
    await asyncio.sleep(0)
    future.add_done_callback(lambda _: seen.append("callback"))
    await asyncio.gather(*branches)
    return seen


async def one_wakes_the_others_in_its_own_order() -> list[str]:
    seen: list[str] = []
    loop = asyncio.get_running_loop()

    async def plain(name: str) -> None:
        try:
            pay(1)
        except asyncio.CancelledError:
            seen.append(name)

    async def awaits(name: str) -> None:
        try:
            await fetch(1)
        except asyncio.CancelledError:
            seen.append(name)

    branches = {
        name: asyncio.create_task((plain if name[0] == "p" else awaits)(name))
        for name in ("p0", "a0", "p1", "a1", "p2")
    }
    await asyncio.sleep(1)
    for name in ("a1", "p1", "p0", "a0", "p2"):
        branches[name].cancel()
        loop.call_soon(seen.append, f"after {name}")
    await asyncio.gather(*branches.values())
    return seen


async def a_parked_one_wakes_parked_ones() -> list[str]:
    """It goes on in its own place, and those it wakes behind all that is ready by then."""
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    gate = pay.start(7)

    async def follows(name: str) -> None:
        try:
            pay(1)
        except asyncio.CancelledError:
            seen.append(name)

    async def leads() -> None:
        gate.result()
        seen.append("leads")
        loop.call_soon(seen.append, "callback")
        for branch in (second, first):
            branch.cancel()
        seen.append("still leads")
        pay(2)
        seen.append("leads on")

    async def beside() -> None:
        await gate
        seen.append("beside")
        await asyncio.sleep(0)
        seen.append("beside again")

    first, second = asyncio.create_task(follows("first")), asyncio.create_task(follows("second"))
    await asyncio.gather(asyncio.create_task(leads()), asyncio.create_task(beside()), first, second)
    return seen


async def one_ends_while_others_are_parked() -> list[str]:
    """Who waits for its end is told in its place, and its worker serves on."""
    seen: list[str] = []

    async def plain(name: str, *then: Any) -> str:
        seen.append(f"{name} {pay(1)}")
        for branch in then:
            branch.cancel()
        return name

    async def waits(branch: Any, name: str) -> None:
        try:
            await branch
        except asyncio.CancelledError:
            seen.append(f"{name} lost")
        else:
            seen.append(f"{name} told")

    p2 = asyncio.create_task(plain("p2"))
    p1 = asyncio.create_task(plain("p1"))
    p0 = asyncio.create_task(plain("p0", p2, p1))
    await asyncio.gather(waits(p1, "w1"), waits(p0, "w0"), waits(p2, "w2"))
    return seen


def that_tell_their_end(seen: list[str]) -> tuple[Branch, Branch]:
    """One branch that waits plainly, and one that awaits."""

    async def plain(name: str) -> None:
        try:
            pay(1)
        finally:
            seen.append(name)

    async def awaits(name: str) -> None:
        try:
            await fetch(1)
        finally:
            seen.append(name)

    return plain, awaits


async def a_failure_stops_its_siblings() -> list[str]:
    seen: list[str] = []

    plain, awaits = that_tell_their_end(seen)

    async def sleeps(name: str) -> None:
        try:
            podium.sleep(50)
        finally:
            seen.append(name)

    async def fails() -> None:
        pay(9)
        raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            for branch, name in (
                (plain, "p0"), (sleeps, "s0"), (awaits, "a0"), (plain, "p1"), (sleeps, "s1"), (awaits, "a1")
            ):  # fmt: skip
                group.create_task(branch(name))
            group.create_task(fails())
    except* ValueError:
        seen.append("failed")
    return seen


async def maps_and_timers() -> list[str]:
    seen: list[str] = []

    async def maps(name: str) -> None:
        seen.extend(f"{name} {value}" for value in pay.map([1, 2, 3], limit=2))

    async def gathers(name: str) -> None:
        seen.append(f"{name} {await asyncio.gather(fetch(1), fetch(2))}")

    async def naps(name: str, seconds: float) -> None:
        podium.sleep(seconds)
        seen.append(name)
        await asyncio.sleep(0)
        seen.append(f"{name} again")

    await asyncio.gather(maps("m0"), naps("late", 2), gathers("g"), maps("m1"), naps("early", 1))
    return seen


def plain_all_through() -> list[str]:
    """A `def` body: what has ended while it was parked elsewhere neither holds it up nor wakes it."""
    started = [pay.start(n) for n in range(3)]
    seen = [f"last {started[2].result()}"]
    asyncio.get_running_loop().call_soon(seen.append, "callback")
    seen.extend(f"ended {value}" for value in pay.map([4, 5, 6]).as_completed())
    podium.sleep(1)
    seen.append(f"first {started[0].result()}")
    started[1].cancel()
    seen.extend(f"map {value}" for value in pay.map([7, 8, 9], limit=2))
    return seen


Event = Callable[[Life], None]
TICK: Event = Life.tick


def answered(part: str) -> Event:
    return lambda life: life.answer(part)


PROGRAMS: dict[Callable[..., Any], tuple[list[Event], str]] = {
    one_step_wakes_all: ([], "p0, a0, a1, callback, p1, p2"),
    one_wakes_the_others_in_its_own_order: (
        [TICK],
        "a1, after a1, p1, after p1, p0, after p0, a0, after a0, p2, after p2",
    ),
    a_parked_one_wakes_parked_ones: (
        [answered("/pay")],
        "leads, still leads, beside, callback, second, first, beside again, leads on",
    ),
    one_ends_while_others_are_parked: ([answered("3/")], "p0 101, w0 told, w2 lost, w1 lost"),
    a_failure_stops_its_siblings: ([answered("7/")], "p0, a0, p1, a1, s0, s1, failed"),
    plain_all_through: (
        [answered("/pay"), answered("/pay#2"), answered("1.2/"), answered("1.0/"), answered("1.1/"), TICK],
        "last 102, callback, ended 106, ended 104, ended 105, first 100, map 107, map 108, map 109",
    ),
    maps_and_timers: (
        [TICK, answered("4.1.1/"), answered("1.1.1/"), TICK, answered("3.2/"), answered("3.1/")],
        "early, early again, late, late again, g [10, 20], m0 101, m0 102, m1 101, m1 102, m1 103, m0 103",
    ),
}


def order(program: Callable[..., Any], events: list[Event], evicts: bool = False) -> Any:
    life = Life(program)
    for event in events:
        event(life)
        if evicts:
            life.evict()
    return life.run(evict=float(evicts)).value()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_what_is_woken_first_goes_on_first(program: Callable[..., Any]) -> None:
    events, by_the_rule = PROGRAMS[program]
    assert ", ".join(order(program, events)) == by_the_rule
    assert ", ".join(order(program, events, evicts=True)) == by_the_rule


def dropped() -> list[str]:
    """In which order branches end that are dropped, with their run, where they wait."""
    seen: list[str] = []

    async def body() -> None:
        plain, awaits = that_tell_their_end(seen)
        await asyncio.gather(plain("p0"), awaits("a0"), plain("p1"), awaits("a1"), plain("p2"))

    life = Life(body)
    life.answer("1/")  # who has gone on is not dropped again
    life.machine.discard()
    return seen


def test_the_parked_ones_of_a_run_that_is_dropped_end_in_the_order_in_which_they_were_parked() -> None:
    assert dropped() == ["p0", "p1", "p2", "a0", "a1"]


# -- programs by chance, beside the rule in its simplest form --------------------------------------------


def drain_simply(loop: Loop) -> None:
    """The first in line, then the next one: nobody serves on."""
    hub = loop.hub = getcurrent()
    try:
        while loop.ready and not loop.discarded:
            if isinstance(loop.ready[0], greenlet):
                worker = loop.ready.popleft()
            else:
                worker = workers.idle.pop() if workers.idle else new_worker()
            worker.parent = hub
            worker.switch(loop)
    finally:
        loop.hub = None


def work_simply(loop: Loop) -> None:
    handle: Any = loop.ready.popleft()
    if isinstance(handle, Task):
        handle.context.run(handle.go_on)
    elif not handle.dropped:
        handle.context.run(handle.callback, *handle.args)


@contextmanager
def the_simple_rule() -> Iterator[None]:
    with patch.object(Loop, "drain", drain_simply), patch.object(Loop, "work", work_simply):
        yield


BRANCHES, ACTS = 6, 5


def drawn(seed: int) -> Callable[..., Any]:
    """A body of several branches, each of which does this and that."""
    chance = random.Random(seed)
    kinds = (
        "pay", "fetch", "gate plainly", "gate", "nap plainly", "nap", "yield", "callback", "cancel", "map",
        "gather",
    )  # fmt: skip
    scripts = [
        [(chance.choice(kinds), chance.randrange(BRANCHES)) for _ in range(ACTS)] for _ in range(BRANCHES)
    ]

    async def body() -> list[str]:
        seen: list[str] = []
        gates = [pay.start(n) for n in range(2)]
        branches: list[asyncio.Task[None]] = []
        loop = asyncio.get_running_loop()

        async def act(kind: str, n: int, name: str) -> None:
            if kind == "pay":
                pay(n)
            elif kind == "fetch":
                await fetch(n)
            elif kind == "gate plainly":
                gates[n % 2].result()
            elif kind == "gate":
                await gates[n % 2]
            elif kind == "nap plainly":
                podium.sleep(n)
            elif kind == "nap":
                await asyncio.sleep(n)
            elif kind == "yield":
                await asyncio.sleep(0)
            elif kind == "callback":
                loop.call_soon(seen.append, f"{name} callback")
            elif kind == "cancel":
                branches[n].cancel()
            elif kind == "map":
                seen.extend(f"{name} {value}" for value in pay.map(range(n), limit=2))
            else:
                await asyncio.gather(fetch(n), pays(n, name), fetch(n))

        async def pays(n: int, name: str) -> None:
            seen.append(f"{name} {pay(n)}")

        async def branch(number: int) -> None:
            for place, (kind, n) in enumerate(scripts[number]):
                name = f"{number}.{place} {kind}"
                try:
                    await act(kind, n, name)
                    seen.append(name)
                except asyncio.CancelledError:
                    seen.append(f"{name} cancelled")
                    if place % 2:  # others take no notice of it
                        raise

        branches += [asyncio.create_task(branch(number)) for number in range(BRANCHES)]
        await asyncio.gather(*branches, return_exceptions=True)
        return seen

    return body


def lived(seed: int, evicts: bool = False) -> tuple[Any, list[str]]:
    """In which order a body goes on, and what its record names, where what happens to it is by chance."""
    chance = random.Random(f"events {seed}")
    life = Life(drawn(seed))
    while life.move(chance):
        if evicts:
            life.evict()
    return life.value(), [entry.step for entry in life.history]


SEEDS = range(150)


def test_programs_by_chance_go_on_by_the_rule_and_replay_so() -> None:
    by_hand = [lived(seed) for seed in SEEDS]
    with the_simple_rule():
        assert [lived(seed) for seed in SEEDS] == by_hand
    assert [lived(seed, evicts=True) for seed in SEEDS[::5]] == by_hand[::5]
    cancelled = sum(str(seen).count("cancelled") for seen, _ in by_hand)
    assert cancelled > len(SEEDS), "hardly anything was stopped: this shows little"


# -- changes of the order --------------------------------------------------------------------------------

_PARKED = "next((each for each in ready if isinstance(each, greenlet)), ready[0])"
_NOT_PARKED = "next((each for each in ready if not isinstance(each, greenlet)), ready[0])"

# By what it does: the method and what is otherwise in it.
CHANGES: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    "the last is served first": (
        Loop.work,
        {
            "handle = ready[0]": "handle = ready[0] if isinstance(ready[0], greenlet) else ready[-1]\n"
            "        if isinstance(handle, greenlet) and handle is not ready[0]: handle = ready[0]",
            "del ready[0]": "ready.remove(handle)",
        },
    ),
    "served past the parked": (
        Loop.work,
        {"handle = ready[0]": f"handle = {_NOT_PARKED}", "del ready[0]": "ready.remove(handle)"},
    ),
    "one served, then the parked": (
        Loop.drain,
        {"worker = ready[0]": f"worker = {_PARKED}", "ready.popleft()": "ready.remove(worker)"},
    ),
    "the parked go on from the last": (
        Loop.drain,
        {
            "worker = ready[0]": "worker = ready[-1] if isinstance(ready[-1], greenlet) else ready[0]",
            "ready.popleft()": "ready.remove(worker)",
        },
    ),
    "the parked are woken first": (
        Loop.wait_plainly,
        {"self.ready.append(worker)": "self.ready.appendleft(worker)"},
    ),
    "the parked are dropped from the last": (
        Loop._close_all,
        {"list(self._parked)": "list(self._parked)[::-1]"},
    ),
}


def changed(method: Callable[..., Any], texts: dict[str, str]) -> AbstractContextManager[Any]:
    code = textwrap.dedent(inspect.getsource(method))
    for text, other in texts.items():
        assert code.count(text) == 1, f"{method.__name__} has no {text!r} any more"
        code = code.replace(text, other)
    made: dict[str, Any] = {}
    exec(compile(code, f"{method.__name__}, changed", "exec"), method.__globals__, made)
    return patch.object(Loop, method.__name__, made[method.__name__])


def all_orders() -> list[Any]:
    return [dropped(), *(order(program, events) for program, (events, _) in PROGRAMS.items())]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_order_is_noticed(change: str) -> None:
    by_the_rule = all_orders()
    with changed(*CHANGES[change]):
        assert all_orders() != by_the_rule
    assert all_orders() == by_the_rule
