"""What a seed's world is made of: which programs, how many processes, what weather."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from podium import Options
from podium.functions import Function, registry
from podium.testing import Job, Setting, draw_weather
from tests.sim import programs


def job(name: str, *args: Any, **how: Any) -> Job:
    """A job that runs a program and checks its answer."""
    return Job(_function(name), args, getattr(programs, f"check_{name}"), **how)


def _function(name: str) -> Function:
    return registry[getattr(programs, name).name]


# By program: how a seed draws its arguments. The last few are run more rarely: they take longer.
DRAWN: dict[str, Callable[[random.Random], tuple[Any, ...]]] = {
    "linear": lambda chance: (chance.randint(1, 6),),
    "diamond": lambda chance: (),
    "loop": lambda chance: (chance.randint(1, 12),),
    "retries": lambda chance: (chance.randint(1, 3),),
    "nap": lambda chance: (chance.choice((0.5, 5.0, 40.0)),),
    "race": lambda chance: (chance.choice((0.05, 0.2, 3.0)),),
    "queue": lambda chance: (chance.randint(1, 4),),
    "group": lambda chance: (chance.randint(1, 3),),
    "fan": lambda chance: (chance.randint(1, 5), chance.randint(1, 3)),
    "plain": lambda chance: (chance.randint(1, 4),),
    "waiter": lambda chance: (),
}


def draw_jobs(chance: random.Random) -> list[Job]:
    """A few clients, most of them at the beginning."""
    kinds = chance.sample(sorted(DRAWN), chance.randint(1, 3))
    jobs: list[Job] = []
    for place in range(chance.randint(1, 5)):
        name = chance.choice(kinds)
        how: dict[str, Any] = {"at": chance.choice((0.0, 0.5, 8.0)) * chance.random()}
        if name == "waiter" or chance.random() < 0.4:  # who must cancel must know the id
            how["id"] = f"job-{place}"
            how["again_after"] = chance.choice((None, 0.0, 1.5 * chance.random()))
        if name == "waiter" or chance.random() < 0.2:
            how["cancel_after"] = chance.choice((0.0, 0.3, 6.0)) * chance.random()
        made = job(name, *DRAWN[name](chance), **how)
        if "cancel_after" in how and name != "waiter":
            made = Job(made.function, made.args, None, made.at, made.id, made.again_after, made.cancel_after)
        jobs.append(made)
    return jobs


def endless_setting(seed: int) -> Setting:
    """Runs that begin anew again and again, in any weather."""
    chance = random.Random(f"endless {seed}")
    jobs = [
        job("rounds", chance.randint(0, 5), [], id=chance.choice((None, "rounds")), at=chance.random())
        for _ in range(chance.randint(1, 2))
    ]
    options = Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.3)
    weather, slots = draw_weather(chance), chance.choice((1, 2, 3))
    return Setting(jobs=jobs[:1] if jobs[0].id else jobs, options=options, weather=weather, slots=slots)


def family_setting(seed: int) -> Setting:
    """Runs that start others and talk to them, in any weather; some are cancelled on the way."""
    chance = random.Random(f"family {seed}")
    jobs: list[Job] = []
    for place in range(chance.randint(1, 2)):
        name = chance.choice(("family", "talks"))
        args = (
            (chance.randint(1, 4), chance.choice((0.5, 3.0))) if name == "family" else (chance.randint(1, 4),)
        )
        made = job(name, *args, at=chance.random(), id=f"job-{place}")
        if chance.random() < 0.2:
            made = Job(made.function, made.args, None, made.at, made.id, None, 3.0 * chance.random())
        jobs.append(made)
    return Setting(
        jobs=jobs,
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.5),
        weather=draw_weather(chance),
        slots=chance.choice((1, 2, 3)),
        calm_after=chance.choice((10.0, 40.0)),
        children=[registry[child.name] for child in programs.CHILDREN],
    )


def streams_setting(seed: int) -> Setting:
    """Runs that say how far they are, in any weather."""
    chance = random.Random(f"streams {seed}")
    jobs = [job("tells", chance.randint(1, 5), at=chance.random()) for _ in range(chance.randint(1, 2))]
    options = Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.3)
    weather, slots = draw_weather(chance), chance.choice((1, 2, 3))
    return Setting(jobs=jobs, options=options, weather=weather, slots=slots)


def effect_setting(seed: int) -> Setting:
    """Runs with effects outside, in any weather; some are cancelled on the way."""
    programs.effects.clear()
    programs.undone.clear()
    chance = random.Random(f"effects {seed}")
    jobs: list[Job] = []
    for place in range(chance.randint(1, 2)):
        name = chance.choice(("saga", "saga", "sure", "once_each"))
        how: dict[str, Any] = {"at": chance.random(), "id": f"job-{place}"}
        if name == "saga" and chance.random() < 0.4:
            how["cancel_after"] = 3.0 * chance.random()
        made = job(name, chance.randint(1, 4), **how)
        if name == "saga":
            check = partial(programs.check_saga_of, how["id"])
            made = Job(made.function, made.args, check, made.at, made.id, None, made.cancel_after)
        jobs.append(made)
    return Setting(
        jobs=jobs,
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.3),
        weather=draw_weather(chance),
        slots=chance.choice((1, 2, 3)),
        calm_after=chance.choice((10.0, 40.0)),
    )


def fork_setting(seed: int) -> Setting:
    """Runs that are forked when they have ended, in any weather."""
    chance = random.Random(f"fork {seed}")
    names = chance.sample(("linear", "diamond", "loop", "nap", "fan", "plain"), 2)
    jobs = [
        job(name, *DRAWN[name](chance), id=f"job-{name}", fork_at=chance.randint(0, 4), at=chance.random())
        for name in names
    ]
    return Setting(
        jobs=jobs,
        options=Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.3),
        weather=draw_weather(chance),
        slots=chance.choice((1, 2, 3)),
    )


def draw_setting(seed: int) -> Setting:
    """The world of a seed; its chance is not the chance with which the world then goes on."""
    chance = random.Random(f"setting {seed}")
    options = Options(poll=chance.choice((1.0, 2.0)), evict_always=chance.random() < 0.3)
    return Setting(
        jobs=draw_jobs(chance),
        options=options,
        weather=draw_weather(chance),
        slots=chance.choice((1, 2, 2, 3)),
        calm_after=chance.choice((10.0, 40.0)),
    )
