"""Queues: a limit is kept by claims, a slot is held by owning a run, lanes take turns."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from podium import Options
from podium.env import Env, RealEnv
from podium.inspect import Cause, cause_of
from podium.model import EngineRow, Move, QueueChange, QueueLimits, State, TaskSlots, Write
from podium.store import Store
from tests.store.conftest import Opener
from tests.store.words import (
    DONE,
    FLOW,
    FUNCTIONS,
    INVALID,
    commit,
    engine,
    fenced,
    message,
    move,
    new,
    outcomes,
    queue,
    row,
)


def declare(
    store: Store, name: str = "api", *, if_new: bool = False, at: float = 1.0, **limits: object
) -> None:
    # The limits are given by name.
    change = QueueChange(name, at, declared=QueueLimits(**limits), if_new=if_new, by="app")  # type: ignore[arg-type]
    assert outcomes(store, Write(queues=(change,)), engine=None) == [DONE]


def line(
    store: Store, *ids: str, lane: str = "", at: float = 1.0, name: str = "api", **given: object
) -> None:
    queue(store, *ids, queue=name, lane=lane, at=at, **given)


def claimed(
    store: Store, limit: int = 10, now: float = 99.0, engine: str = "e1", **given: object
) -> list[str]:
    # What queues hold is given by name.
    return [head.id for head in store.claim(engine, FUNCTIONS, limit, now, **given).heads]  # type: ignore[arg-type]


def test_no_more_runs_are_owned_than_the_queue_has_slots(store: Store) -> None:
    declare(store, concurrency=2)
    line(store, "r1", "r2", "r3", "r4")
    assert claimed(store) == ["r1", "r2"]
    assert claimed(store) == []
    move(store, "r1", State.SUCCEEDED)
    assert claimed(store) == ["r3"]


@pytest.mark.parametrize("to", [State.FAILED, State.CANCELLED, State.PARKED, State.WAITING])
def test_whatever_takes_the_owner_away_frees_the_slot(store: Store, to: State) -> None:
    declare(store, concurrency=1)
    line(store, "r1", "r2")
    assert claimed(store) == ["r1"]
    move(store, "r1", to)
    assert claimed(store) == ["r2"]


def test_the_slots_of_a_dead_engine_are_free_as_soon_as_its_runs_are(store: Store) -> None:
    declare(store, concurrency=2)
    store.announce(engine("e2"))
    line(store, "r1", "r2", "r3")
    assert claimed(store, engine="e2") == ["r1", "r2"]
    assert claimed(store) == []
    store.release({"e2": 0}, 0.0)
    assert claimed(store) == ["r1", "r2"]  # what comes back, before what has not begun


def test_a_run_that_was_handed_back_leaves_its_slot_to_it(store: Store) -> None:
    declare(store, concurrency=1)
    store.announce(engine("e2"))
    line(store, "r1", "r2")
    assert claimed(store, engine="e2") == ["r1"]
    store.retire("e2")
    assert claimed(store) == ["r1"]


def test_named_runs_keep_to_the_limits_as_well(store: Store) -> None:
    declare(store, concurrency=1)
    line(store, "r1", "r2")
    found = store.claim("e1", FUNCTIONS, 10, 99.0, ["r1", "r2"])
    assert [head.id for head in found.heads] == ["r1"]
    again = store.claim("e1", FUNCTIONS, 10, 99.0, ["r1", "r2"])
    assert (again.heads, again.next_due) == ((), None)  # a full queue is no reason to look again at once


def test_a_run_that_is_named_twice_takes_one_slot_of_its_queue(store: Store) -> None:
    declare(store, concurrency=2)
    line(store, "r1", "r2")
    heads = store.claim("e1", FUNCTIONS, 10, 99.0, ["r1", "r1", "r2"]).heads
    assert [(head.id, head.token) for head in heads] == [("r1", 1), ("r2", 1)]


def test_an_engine_claims_what_is_in_no_queue_beside_a_full_one(store: Store) -> None:
    declare(store, concurrency=1)
    line(store, "r1", "r2")
    queue(store, "plain")
    assert sorted(claimed(store)) == ["plain", "r1"]
    queue(store, "plainer")
    assert claimed(store) == ["plainer"]


def test_a_queue_without_a_row_has_no_limits(store: Store) -> None:
    line(store, "r1", "r2", "r3", name="unheard-of")
    assert claimed(store) == ["r1", "r2", "r3"]


def test_an_engine_that_serves_some_queues_claims_nothing_else(store: Store) -> None:
    line(store, "a", name="gpu")
    line(store, "b", name="api")
    queue(store, "plain")
    assert claimed(store, queues=["gpu"]) == ["a"]
    assert claimed(store, queues=["gpu"]) == []
    assert claimed(store, queues=["", "gpu"]) == ["plain"]
    assert claimed(store) == ["b"]


def test_a_run_of_a_queue_is_never_born_owned(store: Store) -> None:
    assert outcomes(store, Write(new_runs=(new("r1", owned=True, queue="api"),))) == [INVALID]


# -- order -----------------------------------------------------------------------------------------------


def test_in_a_lane_the_least_rank_comes_first(store: Store) -> None:
    line(store, "late", at=3.0)
    line(store, "early", at=1.0)
    line(store, "urgent", at=3.0, rank=-57.0)
    assert claimed(store) == ["urgent", "early", "late"]


def test_what_comes_back_goes_before_what_has_not_begun(store: Store) -> None:
    declare(store, concurrency=1)
    line(store, "r1", "r2", at=1.0)
    assert claimed(store) == ["r1"]
    move(store, "r1", State.WAITING, due=50.0)
    assert claimed(store, now=40.0) == ["r2"]
    move(store, "r2", State.SUCCEEDED)
    line(store, "r3", at=2.0)
    assert claimed(store, now=60.0) == ["r1"]


def test_lanes_take_turns_however_much_lies_in_one(store: Store) -> None:
    declare(store, concurrency=1)
    line(store, *[f"big{n}" for n in range(5)], lane="big", at=1.0)
    line(store, "small0", "small1", lane="small", at=2.0)
    order: list[str] = []
    for now in range(100, 107):
        (run,) = claimed(store, now=float(now))
        order.append(run)
        move(store, run, State.SUCCEEDED)
    assert order == ["big0", "small0", "big1", "small1", "big2", "big3", "big4"]


def test_one_claim_spreads_over_the_lanes(store: Store) -> None:
    line(store, *[f"big{n}" for n in range(5)], lane="big")
    line(store, "small", lane="small")
    assert sorted(claimed(store, limit=2)) == ["big0", "small"]


def test_with_per_each_lane_has_the_limits_for_itself(store: Store) -> None:
    declare(store, concurrency=1, per="tenant")
    line(store, "a1", "a2", lane="a")
    line(store, "b1", "b2", lane="b")
    assert sorted(claimed(store)) == ["a1", "b1"]
    move(store, "b1", State.SUCCEEDED)
    assert claimed(store) == ["b2"]


def test_a_full_lane_does_not_stand_before_the_others(store: Store) -> None:
    declare(store, concurrency=1, per="tenant")
    for lane in "abcdef":
        line(store, f"{lane}1", f"{lane}2", lane=lane)
    assert claimed(store, limit=3) == ["a1", "b1", "c1"]
    assert claimed(store, limit=3) == ["d1", "e1", "f1"]
    assert claimed(store, limit=3) == []


def test_a_run_that_is_not_due_yet_is_waited_for(store: Store) -> None:
    line(store, "r1", due=50.0)
    found = store.claim("e1", FUNCTIONS, 10, 40.0)
    assert (found.heads, found.next_due) == ((), 50.0)
    assert claimed(store, now=50.0) == ["r1"]


# -- rates -----------------------------------------------------------------------------------------------


def test_of_a_rate_a_tenth_begins_at_once_and_the_rest_evenly_spaced(store: Store) -> None:
    declare(store, rate="20/m")
    line(store, *[f"r{n:02}" for n in range(40)])
    found = store.claim("e1", FUNCTIONS, 100, 1000.0)
    assert len(found.heads) == 2
    assert found.next_due is not None
    assert 1000.0 < found.next_due < 1004.0
    starts = [1000.0] * 2
    now = 1000.0
    while now < 1180.0 and len(starts) < 40:
        due = store.claim("e1", FUNCTIONS, 100, now).next_due
        assert due is not None
        assert due > now
        now = due
        starts += [now] * len(store.claim("e1", FUNCTIONS, 100, now).heads)
    assert len(starts) == 40
    assert all(sum(begin <= at < begin + 60.0 for at in starts) <= 20 for begin in starts)


def test_a_rate_counts_each_attempt_of_a_task_and_each_start_of_a_workflow(store: Store) -> None:
    declare(store, rate="1/m")
    line(store, "r1", "r2")
    assert claimed(store, now=100.0) == ["r1"]
    move(store, "r1", State.WAITING, due=101.0)
    assert (
        claimed(store, now=110.0, tasks=TaskSlots({FLOW: "threads"})) == []
    )  # another attempt: not within that minute
    assert claimed(store, now=110.0) == ["r1"]  # a workflow that goes on
    assert claimed(store, now=159.0) == []
    assert claimed(store, now=161.0) == ["r2"]


def test_no_more_tasks_are_claimed_than_the_engine_has_slots_for(store: Store) -> None:
    """A run that waits for a slot of its engine would hold one of the queue, which others have a use for."""
    declare(store, concurrency=3)
    line(store, "r1", "r2", "r3", "r4")
    full, one = (TaskSlots({FLOW: "threads"}, {"threads": free}) for free in (0, 1))
    assert claimed(store, tasks=full) == []
    assert claimed(store, tasks=one) == ["r1"]
    assert claimed(store, tasks=TaskSlots({FLOW: "theirs"}, {"threads": 0})) == ["r2", "r3"]
    commit(store, Write(messages=(message("m", "r4", kind="cancel"),)), engine=None)
    assert claimed(store, tasks=full) == ["r4"], "what is to end takes no slot"


def test_with_per_each_lane_has_a_rate_of_its_own(store: Store) -> None:
    declare(store, rate="1/h", per="tenant")
    line(store, "a1", "a2", lane="a")
    line(store, "b1", "b2", lane="b")
    assert sorted(claimed(store, now=100.0)) == ["a1", "b1"]
    assert claimed(store, now=200.0) == []
    assert sorted(claimed(store, now=3701.0)) == ["a2", "b2"]


def test_a_run_can_hold_its_lane_for_a_while(store: Store) -> None:
    line(store, "a1", "a2", lane="a")
    line(store, "b1", lane="b")
    assert claimed(store, limit=1, now=100.0) == ["a1"]
    move(store, "a1", State.WAITING, due=130.0, holds=130.0)
    assert claimed(store, now=101.0) == ["b1"]
    assert store.claim("e1", FUNCTIONS, 10, 102.0).next_due == 130.0
    assert claimed(store, now=130.0) == ["a1", "a2"]


# -- definitions -----------------------------------------------------------------------------------------


def test_what_code_declares_last_holds_and_an_operators_limits_hold_longer(store: Store) -> None:
    declare(store, concurrency=5)
    declare(store, concurrency=1, if_new=True)
    assert [each.limits.concurrency for each in store.queues()] == [5]
    declare(store, concurrency=4)
    assert [each.limits.concurrency for each in store.queues()] == [4]
    change = QueueChange("api", 2.0, limits=QueueLimits(3), by="kim")
    assert outcomes(store, Write(queues=(change,)), engine=None) == [DONE]
    declare(store, concurrency=9)
    (found,) = store.queues()
    assert (found.limits.concurrency, found.set_by, found.declared) == (3, "kim", QueueLimits(9))
    commit(store, Write(queues=(QueueChange("api", 3.0, from_code=True),)), engine=None)
    (found,) = store.queues()
    assert (found.limits.concurrency, found.set_by) == (9, None)


def test_a_paused_queue_gives_nothing_until_it_goes_on(store: Store) -> None:
    line(store, "r1")
    commit(store, Write(queues=(QueueChange("api", 1.0, paused=True),)), engine=None)
    assert claimed(store) == []
    commit(store, Write(queues=(QueueChange("api", 2.0, paused=False),)), engine=None)
    assert claimed(store) == ["r1"]


def test_a_limit_that_is_lowered_takes_nothing_away(store: Store) -> None:
    declare(store, concurrency=3)
    line(store, "r1", "r2", "r3", "r4")
    assert claimed(store) == ["r1", "r2", "r3"]
    declare(store, concurrency=1)
    move(store, "r1", State.SUCCEEDED)
    move(store, "r2", State.SUCCEEDED)
    assert claimed(store) == []
    move(store, "r3", State.SUCCEEDED)
    assert claimed(store) == ["r4"]


def test_a_run_that_is_asked_to_stop_is_claimed_past_all_limits(store: Store) -> None:
    declare(store, concurrency=1)
    line(store, "r1", "r2", "r3")
    assert claimed(store) == ["r1"]
    commit(store, Write(messages=(message("m", "r3", kind="cancel"),)), engine=None)
    assert claimed(store) == ["r3"]
    move(store, "r3", State.CANCELLED)
    assert claimed(store) == []


def test_one_that_has_begun_and_is_asked_to_stop_is_so_as_well(store: Store) -> None:
    declare(store, concurrency=1)
    line(store, "r1", "r2")
    assert claimed(store) == ["r1"]
    move(store, "r1", State.WAITING)
    assert claimed(store) == ["r2"]
    commit(store, Write(messages=(message("m", "r1", kind="cancel"),)), engine=None)
    assert claimed(store) == ["r1"]


def test_a_message_brings_a_run_back_into_its_lane(store: Store) -> None:
    declare(store, concurrency=1)
    line(store, "r1", "r2")
    assert claimed(store) == ["r1"]
    move(store, "r1", State.WAITING)
    assert claimed(store) == ["r2"]
    commit(store, Write(messages=(message("m", "r1"),)), engine=None)
    assert claimed(store) == []
    move(store, "r2", State.SUCCEEDED)
    assert claimed(store) == ["r1"]


def test_lanes_say_how_much_lies_in_them(store: Store) -> None:
    line(store, "r1", "r2", lane="a", at=4.0)
    line(store, "r3", lane="b", at=5.0)
    assert claimed(store, limit=1) == ["r1"]
    found = [(lane.key, lane.queued, lane.waiting, lane.running, lane.oldest) for lane in store.lanes()]
    assert found == [("a", 1, 0, 1, 4.0), ("b", 1, 0, 0, 5.0)]


def test_lanes_say_until_when_they_are_held_and_by_whom(store: Store) -> None:
    declare(store, rate="1/h", per="tenant")
    line(store, "a1", "a2", lane="a")
    line(store, "b1", "b2", lane="b")
    line(store, "c1", lane="c", at=200.0)
    assert sorted(claimed(store, now=100.0)) == ["a1", "b1"]
    move(store, "a1", State.WAITING, due=9000.0, holds=9000.0)
    by_rate = 100.0 + 3600.0
    found = {lane.key: (lane.next, lane.held_by) for lane in store.lanes()}
    assert found == {"a": (9000.0, "a1"), "b": (pytest.approx(by_rate, abs=0.01), ""), "c": (0.0, "")}


class Look(NamedTuple):
    """A store at a moment, as those look at it who ask why a run waits."""

    store: Store
    env: Env
    url: str = "sqlite:///nowhere.db"
    options: Options = Options()

    def is_alive(self, engine: EngineRow) -> bool | None:
        return True


def why(store: Store, run: str, now: float) -> Cause:
    class Clock(RealEnv):
        def now(self) -> float:
            return now

    return cause_of(Look(store, Clock()), row(store, run))


@pytest.mark.parametrize("per", ["", "tenant"])
def test_a_wait_for_a_rate_or_for_what_a_task_has_asked_for_is_named_as_that(store: Store, per: str) -> None:
    declare(store, rate="10/m", per=per)
    line(store, "a1", "a2", "a3", lane="a")
    assert claimed(store, limit=1, now=100.0) == ["a1"]
    of = "queue api, tenant a," if per else "queue api"
    found = why(store, "a2", 101.0)
    assert (found.kind, found.what) == (
        "queue-rate", f"{of} has its rate, 10/m: the next one begins in 5.0 s",
    )  # fmt: skip
    assert found.details == ("1 others have not begun there",)
    move(store, "a1", State.WAITING, due=103.0, holds=103.0)  # the rate alone holds for longer
    assert why(store, "a2", 101.0).kind == "queue-rate"
    assert claimed(store, limit=1, now=106.5) == ["a1"]
    move(store, "a1", State.WAITING, token=2, due=170.0, holds=170.0)
    found = why(store, "a2", 110.0)
    key = "queue api, tenant a," if per else "queue api, key a,"
    assert (found.kind, found.what) == (
        "queue-held", f"{key} is held by a task's RetryAfter: the next one begins in 1 min",
    )  # fmt: skip
    assert found.details[0] == "run a1 has asked for that, and is tried again then"
    line(store, "b1", lane="b", at=110.0)
    assert why(store, "b1", 120.0).kind != "queue-held"
    assert why(store, "a2", 170.0).kind != "queue-held"


def test_a_lane_is_held_by_what_a_task_asked_for_also_when_that_is_gone(store: Store) -> None:
    declare(store, "slow", rate="10/m", per="tenant")
    declare(store)
    for name in ("slow", "api"):
        line(store, f"{name}1", f"{name}2", name=name)
        assert claimed(store, limit=1, now=100.0) == [f"{name}1"]
        move(store, f"{name}1", State.WAITING, due=170.0, holds=170.0)
        stopped = fenced(f"{name}1", states=[State.WAITING], move=Move(State.CANCELLED))
        assert outcomes(store, stopped, engine=None) == [DONE]
        assert why(store, f"{name}2", 110.0).kind == "queue-held"


def test_a_slot_that_is_freed_wakes_the_other_engines(store: Store, reopen: Opener) -> None:
    other = reopen()
    other.announce(engine("e2"))
    declare(store, concurrency=1)
    line(store, "r1", "r2")
    assert claimed(store) == ["r1"]
    while other.wait(0.0):
        pass
    assert outcomes(store, fenced("r1", 1, move=Move(State.SUCCEEDED))) == [DONE]
    assert other.wait(5.0) or store.near  # a memory database has nobody to wake
    assert row(store, "r1").state is State.SUCCEEDED
