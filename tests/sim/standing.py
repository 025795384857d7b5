"""Worlds of what stands by itself: alerts and schedules, which runs of built-in workflows see to.

Their tasks ask a session for its store; here that is the one of the simulated process in which they run. What
alerts send is written down instead. `StandingWorld` judges from what was sent, and from the store.
"""

from __future__ import annotations

import importlib
import os
import random
from collections import Counter
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec

from podium import Options, alert, codec, every, workflow
from podium.calendar import begun
from podium.client import alerts, sinks
from podium.client.schedule_record import plans_of, read, run_id, written
from podium.declare import alerting
from podium.engine import alerts as engine_alerts
from podium.functions import Function, registry
from podium.model import ALERT, SCHEDULE, State
from podium.testing import Job, Report, Setting, Trouble, World, current_invocation, draw_weather
from podium.testing.virtual import EPOCH
from tests.sim.programs import work

SCHEDULES = importlib.import_module("podium.client.schedules")  # a function has that name in its package
CHANNEL = "https://sink.invalid/hook"
QUIET_SECONDS = 120.0  # virtual, instead of an hour
SLACK_SECONDS = 30.0


@workflow(alerts=[alert.failed("ops")])
async def spoils(sort: int) -> None:
    await work("before")
    raise (KeyError if sort else ValueError)(sort)


@workflow(schedule=every("2s", overlap="allow", catch_up="all"))
async def ticks() -> str:
    return await work("tick")


TICKS: Function = registry.pop(ticks.name)  # every app in this process would keep its schedule


def alert_setting(seed: int) -> Setting:
    """Runs that fail, several by the same error, in any weather."""
    chance = random.Random(f"alerts {seed}")
    jobs = [
        Job(
            registry[spoils.name],
            (chance.choice((0, 0, 1)),),
            at=chance.choice((0.0, 5.0, 80.0)) * chance.random(),
        )
        for _ in range(chance.randint(2, 6))
    ]
    return _setting(chance, jobs, [registry[ALERT]])


def schedule_setting(seed: int) -> Setting:
    """A schedule that is cancelled after a while, in any weather."""
    chance = random.Random(f"schedules {seed}")
    (plan,) = plans_of(TICKS, "")
    args = written(plan, begun(plan.schedule, EPOCH))
    job = Job(
        registry[SCHEDULE],
        (args["plan"], args["standing"]),
        id="schedule",
        cancel_after=chance.uniform(5.0, 25.0),
    )
    return _setting(chance, [job], [TICKS])


def _setting(chance: random.Random, jobs: list[Job], children: list[Function]) -> Setting:
    """Clocks are right here: what is counted in an hour, and which instant is due, goes by them."""
    weather = draw_weather(chance)
    troubles = {each: weight for each, weight in weather.troubles.items() if each is not Trouble.JUMP}
    return Setting(
        jobs=jobs,
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.4),
        weather=msgspec.structs.replace(weather, troubles=troubles, skew_seconds=0.0),
        slots=chance.choice((1, 2, 3)),
        calm_after=chance.choice((10.0, 40.0)),
        children=children,
        is_users=True,
    )


class StandingWorld(World):
    """A world whose alerts and schedules are looked at from outside."""

    def __init__(self, seed: int, setting: Setting) -> None:
        super().__init__(seed, setting)
        self.sent: dict[str, sinks.Notice] = {}  # by key: a sink takes what comes again for the same
        self.repeats = self.summed = self.instants = 0  # that there was something to judge
        self._close_books = self.monitor.close_books
        self.monitor.close_books = self._on_close  # pyright: ignore[reportAttributeAccessIssue]  # to look on

    def play(self) -> Report:
        with (
            patch.object(alerting, "QUIET_SECONDS", QUIET_SECONDS),
            patch.object(engine_alerts, "SLACK_SECONDS", SLACK_SECONDS),
            patch.object(alerts, "_session", self._session),
            patch.object(SCHEDULES, "apps", SimpleNamespace(of_task=self._app)),
            patch.object(sinks, "send", self._sent),
            patch.dict(os.environ, {"PODIUM_CHANNEL_OPS": CHANNEL}),
        ):
            return super().play()

    def _app(self) -> Any:
        return SimpleNamespace(session=self._session(""))

    def _session(self, _: str) -> Any:
        name = current_invocation.get().process
        process = next(each for each in self._processes if each.name == name)
        profile = SimpleNamespace(env=process.env, functions=self.stage.functions, kept_notices=None)
        return SimpleNamespace(store=process.store, profile=profile, has_engine=False)

    def _sent(self, url: str, notice: sinks.Notice, key: str) -> None:
        assert url == CHANNEL
        self.repeats += key in self.sent
        self.sent[key] = notice

    def _on_close(self) -> None:
        self._close_books()
        self._check_alerts()
        self._check_schedules()

    def _check_alerts(self) -> None:
        """Each failure is told of once: by itself, or counted in the notice after it."""
        failed = Counter(
            past.row.args for past in self.monitor.pasts.values()
            if past.function.name == spoils.name and past.row.state is State.FAILED
        )  # fmt: skip
        told: Counter[bytes] = Counter()
        for notice in self.sent.values():
            told[self.monitor.pasts[notice.run].row.args] += notice.more or 1
            self.summed += notice.more
        self.monitor.check("P9 each failure is told of once", told == failed, f"{told} and not {failed}")

    def _check_schedules(self) -> None:
        """Each instant that was handled has its run, and no run has no instant."""
        schedule = self.monitor.pasts.get("schedule")
        if schedule is None:
            return
        given = codec.decode(schedule.row.args)
        plan, standing = read(given["plan"], given["standing"])
        handled = {run_id(plan.name, at) for at in plan.schedule.between(EPOCH, standing.handled)}
        runs = {run for run, past in self.monitor.pasts.items() if past.function.name == TICKS.name}
        self.monitor.check("P9 each instant has its run", handled <= runs, f"{handled - runs}")
        real = {
            run_id(plan.name, at) for at in plan.schedule.between(EPOCH, EPOCH + self.stage.scheduler.time)
        }
        self.monitor.check("P9 a run has its instant", runs <= real, f"{runs - real}")
        self.instants += len(runs)
