"""What a schedule starts: overlap and catch-up, decided without a store."""

from __future__ import annotations

from typing import Any

import pytest

from podium.calendar import Schedule, Standing, begun, decide, every, made_up, watch

T = 6000.0  # an instant of every schedule here


def minutely(**given: Any) -> Schedule:
    return every("1m", **given)


def standing(**given: Any) -> Standing:
    return Standing(**{"handled": T, "due": T + 60, **given})


def test_an_instant_that_is_due_is_started_once() -> None:
    schedule = minutely()
    starts, after = decide(schedule, standing(), T + 60, is_running=False)
    assert (starts, after.handled, after.due, after.started) == ([T + 60], T + 60, T + 120, 1)
    assert decide(schedule, after, T + 61, is_running=False)[0] == []


def test_what_came_before_it_began_is_none_of_its() -> None:
    schedule = minutely()
    first = begun(schedule, T + 30)
    assert first.due == T + 60
    assert decide(schedule, first, T + 61, is_running=False)[0] == [T + 60]


@pytest.mark.parametrize(
    ("catch_up", "started", "missed"),
    [("none", [], 10), ("latest", [T + 600], 9), (3, [T + 480, T + 540, T + 600], 7)],
)
def test_what_was_missed_is_made_up_for_as_the_policy_says(
    catch_up: Any, started: list[float], missed: int
) -> None:
    schedule = minutely(catch_up=catch_up, overlap="allow")
    starts, after = decide(schedule, standing(), T + 645, is_running=False)
    assert (starts, after.missed, after.handled) == (started, missed, T + 600)
    assert list(after.missed_at) == [T + 60 * n for n in range(1, 11) if T + 60 * n not in started]
    assert decide(schedule, after, T + 650, is_running=False)[0] == []


def test_all_that_was_missed_is_made_up_for_up_to_a_cap() -> None:
    schedule = minutely(catch_up="all", overlap="allow")
    starts, after = decide(schedule, standing(), T + 60 * 1500, is_running=False)
    assert (len(starts), starts[-1], after.missed) == (1000, T + 60 * 1500, 500)
    assert len(after.missed_at) == 50, "listed; all are counted"


def test_an_instant_is_on_time_for_half_the_way_to_the_next_one() -> None:
    schedule = minutely(catch_up="none")
    assert decide(schedule, standing(), T + 89, is_running=False)[0] == [T + 60]
    assert decide(schedule, standing(), T + 91, is_running=False)[0] == []


def test_none_is_started_while_the_last_run_has_not_ended() -> None:
    schedule = minutely()
    starts, after = decide(schedule, standing(last_run="r"), T + 60, is_running=True)
    assert (starts, after.skipped, after.missed, after.missed_at) == ([], 1, 0, (T + 60,))
    assert decide(minutely(overlap="allow"), standing(last_run="r"), T + 60, is_running=True)[0] == [T + 60]


def test_what_has_a_run_since_is_neither_missed_nor_skipped() -> None:
    schedule = minutely(catch_up="none")
    _, late = decide(schedule, standing(), T + 145, is_running=False)  # T + 60 is missed, T + 120 in time
    _, after = decide(schedule, late, T + 240, is_running=True)
    assert (after.missed, after.skipped, after.missed_at) == (2, 1, (T + 60, T + 180, T + 240))
    once = made_up(after, {T + 60, T + 120})
    assert (once.missed, once.skipped, once.missed_at) == (1, 1, (T + 180, T + 240))
    none = made_up(once, {T + 180, T + 240})
    assert (none.missed, none.skipped, none.missed_at, none.skipped_at) == (0, 0, (), ())
    before = after.replace(skipped_at=())  # as an older version has left it
    assert made_up(before, set(after.missed_at)).skipped == 0


def test_what_is_made_up_for_comes_one_after_the_other_where_runs_do_not_overlap() -> None:
    schedule, made, now = minutely(catch_up="all"), list[float](), T + 231
    starts, after = decide(schedule, standing(), now, is_running=False)
    made += starts
    assert after.due == now + 2, "it looks again soon"
    starts, after = decide(schedule, after, now + 2, is_running=True)
    assert (starts, len(after.pending), after.skipped) == ([], 2, 0)
    while after.pending:
        starts, after = decide(schedule, after, now + 4, is_running=False)
        made += starts
    assert made == [T + 60, T + 120, T + 180]
    assert after.due == T + 240


def test_what_a_lost_look_has_started_is_neither_missed_nor_started_again() -> None:
    schedule = minutely(catch_up="none")
    before = standing(pending=(T,))
    starts, after = decide(schedule, before, T + 200, is_running=True, begun=[T, T + 60])
    assert (starts, after.started, after.missed, after.skipped) == ([], 2, 1, 1)
    assert list(after.missed_at) == [T + 120, T + 180]
    assert after.pending == ()


def test_those_in_line_are_looked_after_as_soon_as_the_last_run_takes() -> None:
    schedule = minutely(catch_up="all")
    _, after = decide(schedule, standing(), T + 300, is_running=False, pause=0.25)
    assert (len(after.pending), after.due) == (4, T + 300.25)


def test_instants_are_watched_until_their_runs_should_have_ended() -> None:
    schedule = minutely()
    before = standing()
    _, after = decide(schedule, before, T + 60, is_running=False)
    overdue, first = watch(schedule, before, after, T + 60, by=90.0)
    assert (overdue, first.watched, first.due) == ([], (T + 60,), T + 120)
    _, after = decide(schedule, first, T + 120, is_running=True)
    overdue, second = watch(schedule, first, after, T + 120, by=90.0)
    assert (overdue, second.watched, second.due) == ([], (T + 60, T + 120), T + 150), "before the next one"
    overdue, third = watch(schedule, second, second, T + 151, by=90.0)
    assert (overdue, third.watched) == ([T + 60], (T + 120,))
    assert watch(schedule, third, third, T + 152, by=90.0)[0] == [], "once"


def test_nothing_is_late_of_what_is_paused_or_not_to_be_told() -> None:
    schedule = minutely()
    paused = standing(paused=True, watched=(T,))
    assert watch(schedule, paused, paused, T + 600, by=90.0)[1].watched == ()
    assert watch(schedule, standing(), standing(), T + 600, by=0.0)[0] == []
