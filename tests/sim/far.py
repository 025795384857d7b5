"""Worlds whose store is on another host: commits are sent there, and their answers come later, or never."""

from __future__ import annotations

import random

import msgspec

from podium.testing import Setting, World
from tests.sim.worlds import DRAWN, draw_setting, job


def far_setting(seed: int) -> Setting:
    """As by chance, and with more runs at a time, which share commits."""
    setting = draw_setting(seed)
    chance = random.Random(f"far {seed}")
    more = [
        job("loop", *DRAWN["loop"](chance), at=0.5 * chance.random()) for _ in range(chance.randint(0, 4))
    ]
    return msgspec.structs.replace(setting, jobs=[*setting.jobs, *more], is_far=True)


class FarWorld(World):
    """Says what became of the commits that were sent."""

    @property
    def answered(self) -> int:
        return self.stage.marks["answer taken"]

    @property
    def silent(self) -> int:
        return self.stage.marks["silent server given up"]

    @property
    def orphaned(self) -> int:
        return self.stage.marks["made after its sender's death"]
