"""Pauses, names and answers hold in any weather, and what breaks them is caught."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from podium.engine import inbox
from podium.engine.client_writes import Start
from podium.engine.clients import ClientPort
from podium.model import PAUSE, Message
from podium.store.judge_inbox import Inboxes
from podium.store.judge_waits import Waits
from tests.sim.steered import SteeredWorld, steered_setting

Plant = Callable[[], AbstractContextManager[Any]]


def world_of(seed: int, kind: str) -> SteeredWorld:
    return SteeredWorld(seed, steered_setting(seed, kind), pauses=kind == "pauses")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pauses", "children", "names", "answers"])
def test_what_people_decide_holds_in_any_weather(kind: str) -> None:
    rested = met = accepted = late = stopped = 0
    for seed in range(8):
        world = world_of(seed, kind)
        assert world.play().violations == [], f"seed {seed}"
        rested, met = rested + world.rested, met + world.met
        accepted, late, stopped = accepted + world.accepted, late + world.late, stopped + world.stopped
    there_was = {"pauses": rested, "children": stopped, "names": met, "answers": min(accepted, late)}
    assert there_was[kind] > 5


def test_an_answer_that_is_set_aside_with_the_end_of_its_time_still_counts() -> None:
    assert world_of(52, "answers").play().violations == []


def a_pause_is_forgotten() -> AbstractContextManager[Any]:
    """A pause is taken from the inbox, and the run goes on."""
    real = inbox.Inbox.take

    def take(self: Any, message: Message) -> None:
        real(self, message)
        if message.kind == PAUSE:
            self._outbox.extras.consumed += [each.id for each in self._outbox.pauses]
            self._outbox.pauses = ()

    return patch.object(inbox.Inbox, "take", take)


def names_are_not_told() -> AbstractContextManager[Any]:
    """An engine starts a run without its name."""
    real = ClientPort.begin

    def begin(self: Any, starts: Iterable[Start]) -> None:
        starts = list(starts)
        for start in starts:
            start.new = msgspec.structs.replace(start.new, unique_name="")
        real(self, starts)

    return patch.object(ClientPort, "begin", begin)


def a_parked_child_stays_so() -> AbstractContextManager[Any]:
    """A cancel lies in the inbox of a parked run, until somebody resumes it."""
    return patch.object(Inboxes, "_put_back", lambda self, run: None)


def a_child_is_parked_over_its_cancel() -> AbstractContextManager[Any]:
    """A cancel that comes in the moment of a pause is not seen."""
    return patch.object(Inboxes, "have_later", lambda self, run, move: False)


def an_accepted_answer_may_be_late() -> AbstractContextManager[Any]:
    """A body's own timeout is taken for more than the answer that was accepted before."""
    return patch.object(Waits, "came_in_time", lambda self, run, write: False)


@pytest.mark.parametrize(
    ("plant", "kind", "seed", "said"),
    [
        (a_pause_is_forgotten, "pauses", 9, "a pause is heeded"),
        (a_parked_child_stays_so, "children", 0, "who is given up ends, parked or not"),
        (a_child_is_parked_over_its_cancel, "children", 51, "who is given up ends, parked or not"),
        (names_are_not_told, "names", 4, "a name has one holder"),
        (an_accepted_answer_may_be_late, "answers", 48, "an answer that was accepted arrives"),
    ],
)
def test_a_bug_that_is_planted_in_what_people_decide_is_caught(
    plant: Plant, kind: str, seed: int, said: str
) -> None:
    with plant():
        violations = world_of(seed, kind).play().violations
    assert said in " ".join(violations)
    assert world_of(seed, kind).play().violations == []
