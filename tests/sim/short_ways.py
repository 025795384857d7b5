"""Worlds that come to where a step's short ways could differ from its long ones; other worlds hardly do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import patch

import msgspec

import podium
from podium import Options, workflow
from podium.engine import poison_bodies
from podium.engine.owned import OwnedRun
from podium.engine.sender import Sender
from podium.executors import Ended
from podium.functions import registry
from podium.machine import AttendedMachine
from podium.model import SIGNAL, Entry, Kind, Message, State, StepWrite, Verdict, Write, new_context
from podium.testing import Job, Report, Setting, World, clients, draw_weather, past
from podium.testing.monitor import EVERYTHING
from tests.sim import kinds
from tests.sim.kinds import KINDS
from tests.sim.programs import Flaky, flaky, given_back, work
from tests.sim.worlds import job, streams_setting

WORDS = 6


def _setting(name: str, function: Any, args: Sequence[Any], **more: Any) -> Setting:
    """One run, in good weather."""
    return Setting([Job(registry[function.name], tuple(args), id=f"{name}-job")], Options(poll=2.0), **more)


# -- a run hears something while a commit of its step is under way ---------------------------------------


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


# -- a body says how far it is ---------------------------------------------------------------------------


class StreamsWorld(World):
    """Knows what its runs have said. (`Look` judges it by what the monitor knows.)"""

    said: dict[str, Any]

    def play(self) -> Report:
        close_books = self.monitor.close_books

        def close() -> None:
            close_books()
            store = self._own_store
            for row in store.find(EVERYTHING):
                self.said[row.id] = store.chunks(row.id, "body", 0, 10_000), store.values(row.id)

        self.said = {}
        with patch.object(self.monitor, "close_books", close):
            return super().play()


# -- what is to be called when the body fails is asked for after a step's result --------------------------


@workflow
async def calls_off(steps: int) -> None:
    for place in range(steps):
        made = await work(f"s{place}")
        podium.on_failure(given_back, made, f"s{place}")
    raise Flaky("all of it")


# -- a step is tried again beside others, whose results come in the same commit ---------------------------


@workflow
async def hopes_beside(steps: int, hopes: int) -> list[Any]:
    async def works() -> list[str]:
        return [await work(f"s{place}") for place in range(steps)]

    return list(
        await asyncio.gather(works(), *(flaky(f"f{n}") for n in range(hopes)), return_exceptions=True)
    )


class HopesWorld(World):
    """What fails does so right after a step of another branch has ended, before that is committed."""

    def play(self) -> Report:
        kept: list[Ended] = []
        real_ended = OwnedRun.ended

        def ended(run: OwnedRun, end: Ended) -> None:
            if end.error is not None and len(run.attempts.running) > 1 + len(kept):
                kept.append(end)
                return
            real_ended(run, end)
            while kept:
                real_ended(run, kept.pop())

        with patch.object(OwnedRun, "ended", ended):
            return super().play()


# -- a run that Podium 0.1 began -------------------------------------------------------------------------


class FormerWorld(World):
    def play(self) -> Report:
        def context(trace: str) -> str:
            return msgspec.json.encode({**msgspec.json.decode(new_context(trace)), "module": "main"}).decode()

        with patch.object(clients, "new_context", context):
            return super().play()


# -- a step is given up while its commit is under way, or alone -------------------------------------------


@workflow
async def changes_its_mind(rounds: int) -> list[str]:
    done: list[str] = []

    async def two(n: int) -> str:
        return await work(f"b{n}", await work(f"a{n}"))

    for n in range(rounds):
        last = asyncio.ensure_future(work(f"last{n}"))
        runners = [asyncio.ensure_future(two(n)), asyncio.ensure_future(work(f"c{n}"))]
        _, left = await asyncio.wait(runners, return_when=asyncio.FIRST_COMPLETED)
        for runner in left:
            runner.cancel()
        done.append(await last)
    return done


# -- a caller in the process asks for more while the commit of a step it has asked for is under way -------


@workflow
async def attended() -> None: ...


class Caller:
    """Asks for one step at once, for as many as it `works` when there is `more`, and then ends the run."""

    def __init__(self, works: int, more: bool) -> None:
        self._works, self.more = works, more
        self._asked: set[str] = set()

    def began(self, machine: AttendedMachine) -> None:
        self._asked.clear()

    def dropped(self) -> None: ...

    def recall(self, entry: Entry) -> None:
        self._asked.add(entry.step)

    def answered(self, step: str, kind: Kind, payload: bytes) -> None: ...

    def attend(self, machine: AttendedMachine) -> None:
        for place in range(self._works if self.more else 1):
            if (id := f"call-{place}") not in self._asked:
                self._asked.add(id)
                function = registry[work.name]
                args, digest = function.encode(function.bind((id,), {}), 1)
                machine.ask(id, function, args, digest, ("", 0))
        if self.more and not machine.open:
            machine.finish(State.SUCCEEDED)


class AttendedWorld(World):
    """Each run is taken up on record, so that a first step is asked for in a turn that makes an entry."""

    def play(self) -> Report:
        works = 2 + self.seed % 3
        function, caller = registry[attended.name], Caller(works, False)
        real_send = Sender.send

        def send(sender: Sender, writes: list[Write], then: Any) -> None:
            real_send(sender, writes, then)
            if any(entry.kind is Kind.TURN_SURVIVED for write in writes for entry in write.entries):
                caller.more = True
                for process in self._processes:
                    for run in list(process.engine.owned.values() if process.engine else ()):
                        run.alarm()

        def of_record(*run: Any) -> AttendedMachine:
            return AttendedMachine(Caller(works, True), *run)

        with ExitStack() as stack:
            stack.enter_context(patch.object(function, "machine", partial(AttendedMachine, caller)))
            stack.enter_context(patch.object(past, "Machine", of_record))
            stack.enter_context(patch.object(poison_bodies, "OWNERS_LOST", 0))
            stack.enter_context(patch.object(Sender, "send", send))
            return super().play()


def _kind(setting: Callable[[int], Setting], world: Callable[[int, Setting], World] = World) -> kinds.Kind:
    return kinds.Kind(lambda seed: world(seed, setting(seed)))


WORLDS = {
    **KINDS,
    "heard": _kind(heard_setting, HeardWorld),
    "streams": _kind(streams_setting, StreamsWorld),
    "called off": _kind(lambda seed: _setting("off", calls_off, [1 + seed % 4])),
    "hopes": _kind(lambda seed: _setting("hopes", hopes_beside, [8, 1 + seed % 2]), HopesWorld),
    "former": _kind(lambda seed: Setting([job("linear", 1 + seed % 4)]), FormerWorld),
    "attended": _kind(
        lambda seed: _setting("attended", attended, [], is_far=True, calm_after=30.0), AttendedWorld
    ),
    "minds": _kind(lambda seed: _setting("minds", changes_its_mind, [15], is_far=True)),
}
