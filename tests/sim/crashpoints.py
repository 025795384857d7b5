"""Every crash point: each program once without faults, then again with each fault at each store call.

A store call is where a process meets the world; between two of them nothing happens that anybody else could
see. So dying before and after each call, and being told "failed" before and after it was applied, covers
every boundary of every commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from podium import Options
from podium.testing import Fault, Job, Report, Setting, Weather, World
from tests.sim.worlds import job

Plan = tuple[tuple[int, Fault], ...]  # faults by the number of the store call that they befall

KINDS = (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.FAIL_BEFORE, Fault.APPLY_THEN_FAIL)
SEED = 1

PROGRAMS: dict[str, Job] = {
    "linear": job("linear", 2),
    "diamond": job("diamond", id="diamond"),
    "nap": job("nap", 3.0),
    "loop": job("loop", 6, id="loop"),
    "retries": job("retries", 2),
    "race": job("race", 0.1),
    "queue": job("queue", 2),
    "group": job("group", 2),
    "fan": job("fan", 3, 2),
    "plain": job("plain", 2),
    "rounds": job("rounds", 2, [], id="rounds"),
    "waiter": job("waiter", id="waiter", cancel_after=0.4),
}
SMALLEST = ("linear", "diamond", "nap")
OPTIONS = Options(poll=30.0, lease=90.0)  # few looks for work that is not there: each is a store call


def play(name: str, *planned: tuple[int, Fault]) -> Report:
    """One program, with these faults at these store calls."""
    weather = Weather(planned=dict(planned))
    return World(SEED, Setting([PROGRAMS[name]], OPTIONS, weather, calm_after=900.0)).play()


def singles(name: str) -> Iterator[Plan]:
    """Each fault at each store call of the faultless story."""
    for place, kind in product(range(len(play(name).calls)), KINDS):
        yield ((place, kind),)


def pairs(name: str) -> Iterator[Plan]:
    """After each first fault, each second one at each later call of the story that the first one leads to."""
    for (first,) in singles(name):
        for place in range(first[0] + 1, len(play(name, first).calls)):
            for kind in KINDS:
                yield first, (place, kind)


def violations(name: str, plans: Iterable[Plan]) -> tuple[int, list[str]]:
    """Play all of them; how many they were, and what went wrong, with the plan."""
    played, found = 0, list[str]()
    for plan in plans:
        played += 1
        found.extend(f"{name} {plan}: {violation}" for violation in play(name, *plan).violations)
    return played, found
