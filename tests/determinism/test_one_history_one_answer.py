"""The content of a workflow decides, not its timing: one history, one answer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from podium.declare import Workflow
from podium.machine import Machine, replay
from podium.model import Kind
from tests.determinism.programs import collecting, racing
from tests.unit.machine.driver import Life

PROGRAMS = {"async": racing, "sync": collecting}
WIDTH = 4
TIMES = 1000


def lived(program: Any, seed: int) -> Life:
    """A life with everything in random order: outcomes, timers, evictions, crashes that lose the tail."""
    chance = random.Random(seed)
    life = Life(program._function, WIDTH)
    while life.move(chance):
        event = chance.random()
        if event < 0.1:
            life.evict()
        elif event < 0.13:
            life.crash(keep=chance.randrange(len(life.history) + 1))
    return life


def told(life: Life, cuts: list[int]) -> tuple[list[list[str]], bytes]:
    """Replay a history, dropping the machine at each cut: the commands of each turn, and the answer."""
    machine = Machine("r-1", life.function, life.args, 1_700_000_000.0)
    machine.begin()
    turns = [_commands(machine)]
    for seq, entry in enumerate(life.history):
        if seq in cuts:
            machine.discard()
            machine = Machine("r-1", life.function, life.args, 1_700_000_000.0)
            machine.begin()
            machine.take()
            replay(machine, life.history[:seq])
            machine.take()
        machine.feed(entry)
        turns.append(_commands(machine))
    assert machine.finished is not None
    return turns, machine.finished.payload


def _commands(machine: Machine) -> list[str]:
    return [f"{type(c).__name__} {getattr(getattr(c, 'step', None), 'id', '')}" for c in machine.take()]


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_thousand_lives(program: str) -> None:
    answers: set[bytes] = set()
    for seed in range(TIMES):
        chance = random.Random(-seed)
        life = lived(PROGRAMS[program], seed)
        assert life.finished is not None, f"seed {seed}: stuck"
        whole = told(life, [])
        assert whole[1] == life.finished.payload, f"seed {seed}: the replay answers otherwise"
        cuts = [chance.randrange(len(life.history)) for _ in range(2)]
        assert told(life, cuts) == whole, f"seed {seed}: cut at {cuts}"
        answers.add(life.finished.payload)
    assert len(answers) > TIMES // 10, "the interleavings hardly differ: this shows little"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_history_may_be_cut_anywhere(program: str) -> None:
    life = lived(PROGRAMS[program], seed=7)
    whole = told(life, [])
    assert told(life, list(range(len(life.history)))) == whole


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_race(program: str) -> None:
    """They are worth replaying: timers fire, steps are cancelled or fail."""
    kinds = {entry.kind for seed in range(20) for entry in lived(PROGRAMS[program], seed).history}
    assert kinds == {Kind.RESULT, Kind.ERROR, Kind.TICK}
    assert isinstance(PROGRAMS[program], Workflow)
