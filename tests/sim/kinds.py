"""The kinds of worlds that seeds draw, each with what must have happened in many of them.

A world says how often there was something to judge; a campaign in which there never was proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from podium.testing import Setting, World
from tests.sim import worlds
from tests.sim.data import DataWorld, data_setting
from tests.sim.far import FarWorld, far_setting
from tests.sim.queues import QueueWorld, queue_setting
from tests.sim.retried import RetriedWorld, retried_setting
from tests.sim.standing import StandingWorld, alert_setting, schedule_setting
from tests.sim.steered import SteeredWorld, steered_setting


@dataclass(frozen=True)
class Kind:
    """`world` makes the one of a seed; `judged` are its attributes, or their lengths, that count."""

    world: Callable[[int], World]
    judged: tuple[str, ...] = ()

    def met(self, world: Any) -> dict[str, int]:
        """How often there was what."""
        values = {name: getattr(world, name) for name in self.judged}
        return {name: value if isinstance(value, int) else len(value) for name, value in values.items()}


def _plain(setting: Callable[[int], Setting]) -> Kind:
    return Kind(lambda seed: World(seed, setting(seed)))


def _steered(kind: str, *judged: str) -> Kind:
    return Kind(lambda seed: SteeredWorld(seed, steered_setting(seed, kind), pauses=kind == "pauses"), judged)


def _data(program: str, judged: str) -> Kind:
    return Kind(lambda seed: DataWorld(seed, data_setting(seed, program)), (judged,))


KINDS: dict[str, Kind] = {
    "chance": _plain(worlds.draw_setting),
    "endless": _plain(worlds.endless_setting),
    "families": _plain(worlds.family_setting),
    "retried": Kind(
        lambda seed: RetriedWorld(seed, retried_setting(seed)), ("retries", "in_families", "kept")
    ),
    "effects": _plain(worlds.effect_setting),
    "forks": _plain(worlds.fork_setting),
    "pauses": _steered("pauses", "rested"),
    "children": _steered("children", "stopped"),
    "names": _steered("names", "met"),
    "answers": _steered("answers", "accepted", "late"),
    "far": Kind(lambda seed: FarWorld(seed, far_setting(seed)), ("answered", "silent", "orphaned")),
    "queues": Kind(lambda seed: QueueWorld(seed, queue_setting(seed)), ("begun", "full", "held")),
    "cached": _data("prices", "taken"),
    "values": _data("parcels", "swept"),
    "series": _data("scales", "points"),
    "alerts": Kind(lambda seed: StandingWorld(seed, alert_setting(seed)), ("sent", "repeats", "summed")),
    "schedules": Kind(lambda seed: StandingWorld(seed, schedule_setting(seed)), ("instants",)),
}
