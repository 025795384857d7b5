"""How many tasks of queues an engine claims: for its slots, and ahead where they are short."""

from __future__ import annotations

from podium import Options, Queue, task
from podium.engine.free_slots import AHEAD_SECONDS, FreeSlots
from podium.env import RealEnv


class Clock(RealEnv):
    now_is = 100.0

    def monotonic(self) -> float:
        return self.now_is


@task(queue=Queue("free-slots"))
def short(n: int) -> int:
    return n


FUNCTIONS = {short.name: short._function}


def test_tasks_are_claimed_ahead_only_while_each_slot_ends_several() -> None:
    clock = Clock()
    slots = FreeSlots(clock, Options(thread_slots=2, loop_slots=7, process_slots=1), {})
    assert slots.look(FUNCTIONS).free == {"loop": 7, "threads": 2, "processes": 1}
    assert slots.look(FUNCTIONS).executors == {short.name: "threads"}
    for count, free in ((1, 2), (50, 50), (1, 2)):
        for _ in range(count):
            slots.left(short.name)
        clock.now_is += AHEAD_SECONDS
        assert slots.look(FUNCTIONS).free["threads"] == free
    for _ in range(50):
        slots.left(short.name)
    clock.now_is += 2 * AHEAD_SECONDS
    assert slots.look(FUNCTIONS).free["threads"] == 2, "it is long ago"
