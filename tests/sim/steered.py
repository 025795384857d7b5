"""Worlds in which people take part: they pause runs and resume them, answer questions, start under one name.

What no single run shows `SteeredWorld` judges: from what people were told, and from what became of it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import podium
from podium import Options, codec, workflow
from podium.client import StartOptions, steering
from podium.executors import Attempt
from podium.functions import registry
from podium.model import ANSWER, PAUSE, Entry, Kind, Message, Outcome, State, Verdict, Write, read_reason
from podium.testing import Invocation, Job, Report, Setting, World, draw_weather
from podium.testing.node import Process
from podium.testing.virtual import EPOCH
from tests.sim.programs import labels, recorded, work
from tests.sim.worlds import job

LATE = "late"
PATIENCE = 1.0  # s between looks of a person at a run
# After a pause that was accepted nothing more begins, but of a process that stood still meanwhile.
HEEDED_SECONDS = 25.0

# -- the programs ----------------------------------------------------------------------------------------


@workflow
async def paces(steps: int) -> list[str]:
    done: list[str] = []
    for place in range(steps):
        done.append(await work(f"s{place}", done[-1:]))
        await asyncio.sleep(1.5)
    return done


@workflow
async def approves(questions: int) -> list[Any]:
    """What is asked of a person and of another system, each of them answered in time, or late."""
    said: list[Any] = []
    for n in range(questions):
        back = podium.callback(int, timeout=9.0)
        await work(f"tells{n}", back.id)
        for answer in (podium.ask(f"q{n}", int, timeout=4.0), back):
            try:
                said.append(await answer)
            except TimeoutError:
                said.append(LATE)
    return said


@workflow
async def lets_go(child: str, steps: int, seconds: float) -> list[Any]:
    """Gives its child up after a while, whatever that is at."""
    try:
        async with asyncio.timeout(seconds):
            return await paces.options(id=child).start(steps)
    except TimeoutError:
        return [LATE, await work("after")]


def check_paces(args: Any, state: State, answer: Any, entries: Sequence[Entry]) -> str:
    fine = state is State.SUCCEEDED and answer == recorded(entries)
    return "" if fine and labels(answer) == [f"s{n}" for n in range(args[0])] else f"{state} {answer!r}"


def steered_setting(seed: int, kind: str) -> Setting:
    """`kind`: "pauses", "names", "answers" or "children": what people do there, in any weather."""
    chance = random.Random(f"{kind} {seed}")
    jobs: list[Job] = []
    for n in range(chance.randint(2, 4)):
        at = chance.choice((0.0, 1.0, 8.0)) * chance.random()
        if kind == "answers":
            jobs.append(Job(registry[approves.name], (chance.randint(1, 3),), at=at, id=f"job-{n}"))
        elif kind == "children":
            args = (f"child-{n}", chance.randint(4, 9), chance.uniform(1.0, 20.0))
            jobs.append(Job(registry[lets_go.name], args, at=at, id=f"job-{n}"))
        elif kind == "pauses":
            length = chance.randint(3, 8)
            jobs.append(Job(registry[paces.name], (length,), check_paces, at=at, id=f"job-{n}"))
        else:
            cancel_after = chance.choice((None, None, 3.0 * chance.random()))
            made = job("nap", chance.choice((0.5, 4.0)), at=at, id=f"job-{n}", cancel_after=cancel_after)
            options = StartOptions(unique=chance.choice(("one", "one", "two")))
            jobs.append(
                Job(
                    made.function,
                    made.args,
                    None,
                    at,
                    made.id,
                    None,
                    cancel_after,
                    options=options,
                )
            )
    return Setting(
        jobs=jobs,
        children=[registry[paces.name]],
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.4),
        weather=draw_weather(chance),
        slots=chance.choice((1, 2, 3)),
        calm_after=chance.choice((10.0, 40.0)),
    )


# -- what must be true of all of them --------------------------------------------------------------------


class SteeredWorld(World):
    """A world in which each run that has an id of its client's is paused once, if `pauses`; or each child of
    `lets_go` is, by somebody who never resumes it."""

    def __init__(self, seed: int, setting: Setting, pauses: bool = False) -> None:
        super().__init__(seed, setting)
        # That there was something to judge.
        self.rested = self.met = self.accepted = self.late = self.stopped = 0
        self._children = [each.args[0] for each in setting.jobs if each.function.name == lets_go.name]
        self._chance = random.Random(f"people {seed}")
        self._pauses = {each.id for each in setting.jobs if pauses and each.id}  # of which one is not over
        self._pauses |= set(self._children)
        self._asked_at: dict[str, float] = {}  # by run: when its pause was accepted
        self._names = {each.id: each.options.unique for each in setting.jobs if each.options.unique}
        self._questions: dict[str, dict[str, str]] = {}  # by run: what it asks, target and prompt
        self._answers: dict[str, bytes] = {}  # by target: the one that was accepted
        self._targets: dict[tuple[str, str], str] = {}  # by run and step
        self._states: dict[str, State] = {}  # of all runs, after the last commit
        self._given_up: set[str] = set()  # targets, in a commit that has an outcome, too: see _on_close
        monitor = self.monitor
        self._close_books = monitor.close_books
        monitor.on_commit = self._on_commit
        monitor.close_books = self._on_close  # pyright: ignore[reportAttributeAccessIssue]  # to look on

    def play(self) -> Report:
        for run in sorted(self._pauses):
            self._later(self._chance.uniform(0.0, 12.0), self._pause, run)
        return super().play()

    def _at_rest(self) -> bool:
        return not self._pauses and super()._at_rest()

    def _later(self, seconds: float, act: Any, *args: Any) -> None:
        self.stage.scheduler.later(seconds, self.stage.lane, act, *args)

    @property
    def _now(self) -> float:
        return EPOCH + self.stage.scheduler.time

    # -- pauses ---------------------------------------------------------------------------------------

    def _pause(self, run: str) -> None:
        row = None if self._chaos.locked else self._own_store.load(run)
        if row is None:
            self._later(PATIENCE, self._pause, run)
        elif row.state.is_settled:
            self._pauses.discard(run)
        elif self._decide(*steering.pausing(row, Message("pause", run, PAUSE, self._now, sender="ann"))):
            self._asked_at[run] = self.stage.scheduler.time
            self._later(PATIENCE, self._rest, run)
        else:
            self._later(PATIENCE, self._pause, run)

    def _rest(self, run: str) -> None:
        """It is paused now, or will be, or has come to its end before."""
        past = self.monitor.pasts[run]
        if past.row.state is not State.PARKED:
            self._pauses -= {run} if past.row.state.is_final else set()
            self._later(PATIENCE, self._rest, run) if run in self._pauses else None
        elif run in self._children:
            self._pauses.discard(run)
            self.stopped += 1
        elif read_reason(past.row.payload).is_asked_for:
            self._later(self._chance.uniform(0.0, 20.0), self._resume, run, past.row.entries)
        else:
            self._pauses.discard(run)

    def _resume(self, run: str, entries: int) -> None:
        row = None if self._chaos.locked else self._own_store.load(run)
        if row is None:
            self._later(PATIENCE, self._resume, run, entries)
            return
        still = row.state is State.PARKED and row.entries == entries
        self.monitor.check("P2 nothing is recorded of what is paused", still, f"{run}: {row}")
        if self._decide(steering.resuming(row, self._now)):
            self._pauses.discard(run)
            self.rested += 1

    def _decide(self, *writes: Write) -> bool:
        for write in writes:
            verdicts = self._own_store.commit(None, [write])
            self.monitor.committed(None, None, [write], verdicts)
            if verdicts[0].outcome is not Outcome.REFUSED:
                return True
        return False

    def invoked(self, process: Process, attempt: Attempt) -> Invocation:
        row = self.monitor.pasts[attempt.run].row
        rests = row.state is State.PARKED and row.token == attempt.token
        self.monitor.check("P4 nothing begins of what is paused", not rests, f"{attempt.step} of {row}")
        asked = self._asked_at.get(attempt.run) if attempt.run in self._pauses else None
        if asked is not None and row.token == attempt.token:
            heeded = self.stage.scheduler.time - max(asked, process.back_at) < HEEDED_SECONDS
            self.monitor.check(
                "P7 a pause is heeded", heeded, f"{attempt.run}, {attempt.step}: since {asked:.1f} s"
            )
        return super().invoked(process, attempt)

    # -- names and answers ----------------------------------------------------------------------------

    def _on_commit(self, writes: Sequence[Write], verdicts: Sequence[Verdict]) -> None:
        before, pasts = self._states, self.monitor.pasts
        self._states = {run: past.row.state for run, past in pasts.items()}
        for write, verdict in zip(writes, verdicts, strict=True):
            for new, (outcome, id) in zip(write.new_runs, verdict.runs, strict=False):
                if new.id in self._names:
                    self._check_name(new.id, outcome, id, before)
            if write.fence is not None and verdict.outcome is Outcome.DONE:
                for wait in write.waits:
                    if wait.kind == ANSWER:
                        self._targets[write.fence.run, wait.step] = wait.target
                        self._is_asked(write.fence.run, wait.target, wait.prompt)
                if any(entry.kind in (Kind.RESULT, Kind.ERROR, Kind.MESSAGE) for entry in write.entries):
                    self._given_up |= {self._targets[write.fence.run, step] for step in write.closes}
            for answer, outcome in zip(write.answers, verdict.answers, strict=False):
                if outcome is Outcome.DONE:
                    first = self._answers.setdefault(answer.target, answer.payload)
                    self.monitor.check("P4 one answer counts", first == answer.payload, f"{answer}")

    def _check_name(self, run: str, outcome: Outcome, id: str, before: dict[str, State]) -> None:
        """A name is held by one unfinished run, to which another start under it attaches."""
        name, pasts = self._names[run], self.monitor.pasts
        if outcome is Outcome.EXISTS and id != run:
            held = not before[id].is_final and self._names.get(id) == name
            self.monitor.check("P4 a name is held while its run is unfinished", held, f"{run} got {id}")
            self.met += 1
        elif outcome is Outcome.DONE:
            others = [
                other for other, its in self._names.items()
                if its == name and other != run and other in pasts and not pasts[other].row.state.is_final
            ]  # fmt: skip
            self.monitor.check("P4 a name has one holder", not others, f"{run} started beside {others}")

    def _is_asked(self, run: str, target: str, prompt: str) -> None:
        """Two answer, each with a value of their own, and again until they are told what became of it."""
        asked = self._questions.setdefault(run, {})
        if target not in asked:
            asked[target] = prompt
            for _ in range(2):
                value = codec.encode(self._chance.randrange(10**6))
                self._later(self._chance.uniform(0.0, 10.0), self._clients._answer, target, value, [])

    def _on_close(self) -> None:
        self._close_books()
        self.monitor.check("P7 a pause is heeded", not self._pauses, f"{self._pauses}")
        for run in self._children:
            ended = self.monitor.pasts[run].row.state.is_final
            self.monitor.check("P7 who is given up ends, parked or not", ended, run)
        for run, asked in self._questions.items():
            past = self.monitor.pasts[run]
            if past.row.state is not State.SUCCEEDED:
                continue
            said = codec.decode(past.row.payload)
            people, systems = ([each for each in asked if bool(asked[each]) is one] for one in (True, False))
            targets = [target for pair in zip(people, systems, strict=True) for target in pair]
            given = [codec.decode(self._answers[each]) if each in self._answers else LATE for each in targets]
            for n, target in enumerate(targets):
                if target in self._given_up:
                    given[n] = said[n]  # known: a task is not done again for an answer
            self.monitor.check(
                "P1 an answer that was accepted arrives", said == given, f"{run}: {said}, {given}"
            )
            self.late += given.count(LATE)
            self.accepted += len(given) - given.count(LATE)
