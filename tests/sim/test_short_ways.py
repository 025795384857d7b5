"""A step's short ways lead where the long ones lead: a world tells the same story with them and without.

`Machine.come_to` is to do what `feed` does, `Launcher.begin_lone` what `act` does and what is looked at after
it, `Function.taken` what `bind`, `encode` and `is_read_as_given` do. Each has its own code, so something must
hold the pairs together: here all short ways are closed, and nothing may be otherwise, not even a moment.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

import podium
from podium import Options, workflow
from podium.engine.launcher import Launcher
from podium.engine.owned import OwnedRun
from podium.functions import Function, registry
from podium.machine import Machine
from podium.model import SIGNAL, Entry, Message, StepWrite, Verdict, Write
from podium.testing import Job, Report, Setting, World, draw_weather
from tests.sim.kinds import KINDS, Kind
from tests.sim.planted import Plant
from tests.sim.programs import work

SEEDS = range(20)
WORDS = 6
LONE = ("chance", "far", "heard", "cached", "forks")  # runs that often ask for one step alone


# -- worlds in which a run hears something while a commit of its step is under way -----------------------


@workflow
async def hears_meanwhile(steps: int, words: int) -> list[Any]:
    async def hears() -> list[int]:
        return [await podium.receive("word", int) for _ in range(words)]

    async def works() -> list[str]:
        return [await work(f"s{place}") for place in range(steps)]

    return list(await asyncio.gather(works(), hears()))


def heard_setting(seed: int) -> Setting:
    chance = random.Random(f"heard {seed}")
    jobs = [
        Job(
            registry[hears_meanwhile.name], (chance.randint(6, 12), WORDS), id=f"job-{n}",
            at=chance.random(), signals=[("word", word) for word in range(WORDS)],
        )
        for n in range(chance.randint(1, 3))
    ]  # fmt: skip
    return Setting(jobs, Options(poll=chance.choice((1.0, 2.0))), draw_weather(chance))


class HeardWorld(World):
    """Signals come to a run when the commit of its step is made and it has not been told of that, and the
    next commit passes it over. It happens between the halves of a commit, and hardly ever by chance."""

    def play(self) -> Report:
        kept: dict[OwnedRun, list[Message]] = {}
        real_deliver, real_committed = OwnedRun.deliver, OwnedRun.committed

        def deliver(run: OwnedRun, message: Message, alone: bool = False) -> None:
            if message.kind == SIGNAL and run.attempts.running:  # one of these is committed soon
                kept.setdefault(run, []).append(message)
            else:
                real_deliver(run, message, alone)

        def committed(run: OwnedRun, write: Write, verdict: Verdict) -> None:
            if type(write) is StepWrite and (messages := kept.pop(run, None)):
                committer: Any = run._context.committer
                for message in messages:
                    real_deliver(run, message, alone=True)
                if committer._touched.pop(run, self) is None:
                    assert run.take_write() is None
            real_committed(run, write, verdict)

        with patch.object(OwnedRun, "deliver", deliver), patch.object(OwnedRun, "committed", committed):
            return super().play()


WORLDS = {**KINDS, "heard": Kind(lambda seed: HeardWorld(seed, heard_setting(seed)))}

# -- both ways -------------------------------------------------------------------------------------------


@contextmanager
def short_ways_closed() -> Iterator[None]:
    """Each step goes the long way."""

    def come_to(machine: Machine, _step: Any, entry: Entry) -> None:
        machine.feed(entry)

    def begin_lone(_launcher: Launcher, _held: Any) -> bool:
        return False

    def taken(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], depot: Any) -> Any:
        bound = function.bind(args, kwargs)
        data, digest = function.encode(bound, len(args), depot)
        return data, digest, bound if function.is_read_as_given(bound) else None

    with ExitStack() as stack:
        stack.enter_context(patch.object(Machine, "come_to", come_to))
        stack.enter_context(patch.object(Launcher, "begin_lone", begin_lone))
        stack.enter_context(patch.object(Function, "taken", taken))
        yield


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often each short way was gone to its end."""
    gone: Counter[str] = Counter()
    real_come_to, real_begin_lone = Machine.come_to, Launcher.begin_lone
    real_taken = Function.taken

    def come_to(machine: Machine, step: Any, entry: Entry) -> None:
        gone["come_to"] += 1
        real_come_to(machine, step, entry)

    def begin_lone(launcher: Launcher, held: Any) -> bool:
        has_begun = real_begin_lone(launcher, held)
        gone["begin_lone"] += has_begun
        return has_begun

    def taken(function: Function, *call: Any) -> Any:
        gone["taken"] += 1
        return real_taken(function, *call)

    with ExitStack() as stack:
        stack.enter_context(patch.object(Machine, "come_to", come_to))
        stack.enter_context(patch.object(Launcher, "begin_lone", begin_lone))
        stack.enter_context(patch.object(Function, "taken", taken))
        yield gone


class Story(msgspec.Struct):
    """All that happened in a world, in order and with its times, as a digest; each run's row and history."""

    digest: str
    runs: dict[str, Any]


def told(kind: str, seed: int) -> tuple[Story, Report]:
    world = WORLDS[kind].world(seed)
    report = world.play()
    runs = {id: (past.row, tuple(past.entries)) for id, past in world.monitor.pasts.items()}
    return Story(report.digest, runs), report


def difference(kind: str, seed: int, plant: Plant = nullcontext) -> str:
    """What the monitor says of this world, or which runs are others than where the short ways are closed;
    "": neither."""
    with plant():
        short, report = told(kind, seed)
    if report.violations:
        return report.violations[0]
    with short_ways_closed():
        long, _ = told(kind, seed)
    if short == long:
        return ""
    others = [id for id in {**short.runs, **long.runs} if short.runs.get(id) != long.runs.get(id)]
    return f"other runs: {others}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORLDS)
def test_a_world_is_the_same_where_the_short_ways_are_closed(kind: str) -> None:
    with counted() as gone:
        assert {seed: what for seed in SEEDS if (what := difference(kind, seed))} == {}
    assert min(gone["come_to"], gone["taken"]) > 10
    assert gone["begin_lone"] > 10 or kind not in LONE


# -- planted differences ---------------------------------------------------------------------------------


def the_time_is_forgotten() -> AbstractContextManager[Any]:
    """`come_to` leaves the workflow's clock where it was."""
    real = Machine.come_to

    def come_to(machine: Machine, step: Any, entry: Entry) -> None:
        real(machine, step, msgspec.structs.replace(entry, at=machine.loop.now))

    return patch.object(Machine, "come_to", come_to)


def it_is_taken_for_a_plain_step() -> AbstractContextManager[Any]:
    """`come_to` answers a step with an effect as any other."""

    real = Machine.come_to

    def answer(machine: Any, step: Any, entry: Entry, _is_result: bool) -> None:
        machine._succeed(step, entry)

    def come_to(machine: Machine, step: Any, entry: Entry) -> None:
        with patch.object(Machine, "_answer_effect", answer):
            real(machine, step, entry)

    return patch.object(Machine, "come_to", come_to)


def what_was_passed_over_is_forgotten() -> AbstractContextManager[Any]:
    """`begin_lone` does not look whether there was more to write meanwhile."""
    real = Launcher.begin_lone

    def begin_lone(launcher: Launcher, held: Any) -> bool:
        launcher._outbox.is_passed_over = False
        return real(launcher, held)

    return patch.object(Launcher, "begin_lone", begin_lone)


def the_rest_is_forgotten() -> AbstractContextManager[Any]:
    """`begin_lone` begins the first of several."""
    real = Launcher.begin_lone
    return patch.object(Launcher, "begin_lone", lambda launcher, held: real(launcher, held[:1]))


def suspects_begin_unrecorded() -> AbstractContextManager[Any]:
    """`begin_lone` does not look whether the step may have cost the run an owner."""
    real = Launcher.begin_lone

    def begin_lone(launcher: Launcher, held: Any) -> bool:
        with patch.object(launcher, "_suspects", {}):
            return real(launcher, held)

    return patch.object(Launcher, "begin_lone", begin_lone)


def it_begins_as_the_engine_stops() -> AbstractContextManager[Any]:
    """`begin_lone` does not look whether the engine stops."""
    real = Launcher.begin_lone

    def begin_lone(launcher: Launcher, held: Any) -> bool:
        with patch.object(launcher._lifecycle, "stopping", False):
            return real(launcher, held)

    return patch.object(Launcher, "begin_lone", begin_lone)


def it_begins_as_the_run_pauses() -> AbstractContextManager[Any]:
    """`begin_lone` does not look whether the run is to pause."""
    real = Launcher.begin_lone

    def begin_lone(launcher: Launcher, held: Any) -> bool:
        with patch.object(launcher._outbox, "pauses", ()):
            return real(launcher, held)

    return patch.object(Launcher, "begin_lone", begin_lone)


def a_call_has_another_digest() -> AbstractContextManager[Any]:
    """`taken` digests the bytes, names and all, in another way."""
    real = Function.taken

    def taken(function: Function, args: Any, kwargs: Any, depot: Any) -> Any:
        data, digest, given = real(function, args, kwargs, depot)
        return data, digest[::-1], given

    return patch.object(Function, "taken", taken)


def a_call_loses_an_argument() -> AbstractContextManager[Any]:
    """`taken` gives the attempt other arguments than those on record."""
    real = Function.taken

    def taken(function: Function, args: Any, kwargs: Any, depot: Any) -> Any:
        data, digest, given = real(function, args, kwargs, depot)
        return data, digest, given and dict.fromkeys(given, 0)

    return patch.object(Function, "taken", taken)


# By plant: a world that notices it.
PLANTED: dict[Plant, tuple[str, int]] = {
    the_time_is_forgotten: ("chance", 4),
    it_is_taken_for_a_plain_step: ("effects", 1),
    what_was_passed_over_is_forgotten: ("heard", 0),
    the_rest_is_forgotten: ("chance", 1),
    suspects_begin_unrecorded: ("retried", 3),
    it_begins_as_the_engine_stops: ("cached", 13),
    it_begins_as_the_run_pauses: ("pauses", 17),
    a_call_has_another_digest: ("cached", 0),
    a_call_loses_an_argument: ("chance", 0),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_short_way_that_leads_elsewhere_is_caught(plant: Plant) -> None:
    kind, seed = PLANTED[plant]
    assert difference(kind, seed, plant), f"{plant.__doc__} got away"
    assert difference(kind, seed) == ""
