"""The heartbeat renews while the engine's thread moves, or user code holds it up; else the lease runs out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from podium.engine.heartbeat import Heartbeat, Watches
from podium.engine.registration import Registration
from podium.engine.shortages import ShortageLog
from podium.model import EngineInfo, read_engine_info
from podium.options import Options

LEASE = 9.0
NOTHING: Any = None


class House:
    """A heartbeat, and in one object all that it looks at."""

    def __init__(self) -> None:
        self.now = 0.0
        self.beats: list[str | None] = []  # what each renewal says anew
        self.has_row, self.freed, self.full_slots = True, 0, dict[str, int]()
        self.is_held_up_by_user = False
        self.told: list[Any] = []
        env: Any = SimpleNamespace(
            monotonic=lambda: self.now, now=lambda: 0.0, new_id=lambda: "me", follow=lambda clock: clock()
        )
        store: Any = SimpleNamespace(clock=lambda: None)
        self.registration = Registration(store, env, None, "{}")
        self.engine: Any = SimpleNamespace(
            options=Options(lease=LEASE), ticked=0.0, failure=None,
            turn_watch=SimpleNamespace(check=lambda: None),
            awaited=SimpleNamespace(told=dict),
            ownership=SimpleNamespace(beat=self._beat, observe=lambda: self.freed, others=[], asked=""),
            condemned="condemned", heed="heed", owned={},
            claimer=SimpleNamespace(soon="look for work"),
        )  # fmt: skip
        stall: Any = SimpleNamespace(is_user_code=self._is_user_code)
        self.full: Any = SimpleNamespace(changed=self._changed, full=self.full_slots)
        checkpoints: Any = SimpleNamespace(begin_due=lambda: None)
        watches = Watches(NOTHING, stall, self.full, checkpoints, ShortageLog())
        calls: Any = SimpleNamespace(tell=lambda function, *_: self.told.append(function))
        self.heartbeat = Heartbeat(env, self.engine, self.registration, calls, watches, NOTHING)

    def _beat(self, info: str | None) -> bool:
        self.beats.append(info)
        return self.has_row

    def _is_user_code(self, late: float) -> bool:
        return late > 0 and self.is_held_up_by_user

    def _changed(self, now: float) -> bool:
        return bool(self.full_slots)

    def look(self, at: float, ticked: float | None = None) -> None:
        self.now = at
        self.engine.ticked = at if ticked is None else ticked
        self.heartbeat.look()


@pytest.fixture
def house() -> House:
    return House()


def test_a_row_is_renewed_three_times_a_lease_however_often_one_looks(house: House) -> None:
    for tenth in range(90):
        house.look(tenth / 10)
    assert len(house.beats) == 3


def test_news_is_said_with_a_renewal_at_once_and_then_no_more(house: House) -> None:
    house.look(0.0)
    house.registration.change(blocked="a task")
    house.look(0.1)
    house.look(0.2)
    (said,) = house.beats[1:]
    assert said is not None
    assert read_engine_info(said).blocked == "a task"


def test_each_renewal_says_how_busy_it_is(house: House) -> None:
    house.look(0.0)
    attempts = SimpleNamespace(running={"a": 1, "b": 2, "c": 3}, losses={})
    house.engine.owned["r1"] = SimpleNamespace(head=SimpleNamespace(id="r1"), attempts=attempts)
    house.look(LEASE)
    said = house.beats[-1]
    assert said is not None
    assert (read_engine_info(said).runs, read_engine_info(said).tasks) == (1, 3)


def test_what_a_person_asks_of_it_is_heeded_once_and_said(house: House) -> None:
    house.look(0.0)
    house.engine.ownership.asked = "pause"
    house.look(0.1)
    house.look(0.2)
    assert house.told == ["heed"]
    said = house.beats[-1]
    assert said is not None
    assert read_engine_info(said).state == "paused"


def test_what_the_engine_has_found_stays_when_the_app_says_something_else(house: House) -> None:
    house.registration.change(blocked="pull of run x")
    house.registration.describe(EngineInfo(kind="worker", modules=("shop",)).written())
    house.look(0.0)
    (said,) = house.beats
    assert said is not None
    assert read_engine_info(said) == EngineInfo(kind="worker", modules=("shop",), blocked="pull of run x")


def test_full_slots_are_news(house: House) -> None:
    house.full_slots["thread_slots"] = 4
    house.look(0.0)
    (said,) = house.beats
    assert said is not None
    assert read_engine_info(said).full == {"thread_slots": 4}


@pytest.mark.parametrize(("is_user_code", "renewals"), [(False, 0), (True, 1)])
def test_a_stuck_thread_loses_its_lease_unless_user_code_holds_it_up(
    house: House, is_user_code: bool, renewals: int
) -> None:
    house.is_held_up_by_user = is_user_code
    house.look(LEASE + 0.1, ticked=0.0)
    assert len(house.beats) == renewals


def test_an_engine_without_a_row_is_told_so_and_looks_no_further(house: House) -> None:
    house.has_row, house.freed = False, 1
    house.look(0.0)
    assert house.told == ["condemned"]


def test_what_the_dead_held_is_claimed_at_once(house: House) -> None:
    house.look(0.0)
    assert house.told == []
    house.freed = 1
    house.look(0.1)
    assert house.told == ["look for work"]
