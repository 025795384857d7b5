"""Points of series: made once, by the owner alone, found by time and tags, kept when their run goes."""

from __future__ import annotations

import math
from typing import Any

from podium.model import Measure, MeasureBin, MeasureQuery, Move, Outcome, SeriesRow, State, Write
from podium.store import Store
from tests.store.words import DONE, REFUSED, commit, fenced, outcomes, own, result


def point(series: str, at: float, value: float, **given: Any) -> Measure:
    places: dict[str, Any] = {"step": f"{series}@{at}", **given}
    return Measure(series, at, value, **places)


def values(store: Store, series: str, **wanted: Any) -> list[float]:
    return [each.value for each in store.measures(MeasureQuery(series, **wanted))]


def test_points_are_found_by_series_in_the_order_of_their_times(store: Store) -> None:
    own(store, "r1", "r2")
    first = point("heat", 3.0, 0.5, tags='{"machine":"7"}', attempt=2, ordinal=4, generation=1)
    commit(store, fenced("r1", entries=(result(1),), measures=(first, point("cold", 2.0, 9.0))))
    commit(store, fenced("r2", measures=(point("heat", 1.0, 1.5),)))
    found = store.measures(MeasureQuery("heat"))
    assert [(each.run, each.value) for each in found] == [("r2", 1.5), ("r1", 0.5)]
    assert found[1] == Measure("heat", 3.0, 0.5, '{"machine":"7"}', "heat@3.0", 2, 4, 1, "r1")
    assert store.series() == [SeriesRow("cold", 1, 2.0, 2.0, 9.0), SeriesRow("heat", 2, 1.0, 3.0, 0.5)]
    assert store.measures(MeasureQuery("unknown")) == []


def test_the_same_place_again_makes_no_second_point(store: Store) -> None:
    own(store, "r1")
    commit(store, fenced("r1", measures=(point("heat", 1.0, 1.0),)))
    again = (
        point("heat", 1.0, 2.0),
        point("heat", 1.0, 3.0, ordinal=1),
        point("heat", 1.0, 4.0, generation=1),
    )
    assert outcomes(store, fenced("r1", measures=again)) == [DONE]
    assert sorted(values(store, "heat")) == [1.0, 3.0, 4.0]


def test_time_tags_and_limit_narrow_it_down(store: Store) -> None:
    own(store, "r1")
    tags = ['{"m":"7","q":"\\"m\\":\\"8\\""}', '{"m":"8"}', '{"m":"7"}', "{}", '{"m":"77"}']
    some = tuple(point("heat", float(n), float(n), tags=text) for n, text in enumerate(tags))
    commit(store, fenced("r1", measures=some))
    assert values(store, "heat", tags=('"m":"7"',)) == [0.0, 2.0]
    assert values(store, "heat", tags=('"m":"8"',)) == [1.0], "not what only looks like it in a text"
    assert values(store, "heat", tags=('"m":"7"', '"x":"1"')) == []
    assert values(store, "heat", since=1.0, until=3.0) == [1.0, 2.0]
    assert values(store, "heat", limit=2) == [3.0, 4.0], "the newest"


def test_bins_have_count_sum_low_and_high(store: Store) -> None:
    own(store, "r1")
    some = tuple(point("heat", 10.0 + n, float(n)) for n in (0, 1, 5, 29))
    commit(store, fenced("r1", measures=some))
    bins = store.measure_bins(MeasureQuery("heat", since=10.0), 10.0)
    assert bins == [MeasureBin(10.0, 3, 6.0, 0.0, 5.0), MeasureBin(30.0, 1, 29.0, 29.0, 29.0)]
    assert store.measure_bins(MeasureQuery("heat", since=10.0, until=11.0), 10.0) == [
        MeasureBin(10.0, 1, 0.0, 0.0, 0.0)
    ]


def test_they_are_fenced(store: Store) -> None:
    own(store, "r1")
    said = (point("heat", 1.0, 1.0),)
    assert outcomes(store, fenced("r1", token=9, measures=said)) == [REFUSED]
    assert outcomes(store, fenced("r1", measures=said), engine="e2") == [REFUSED]
    (verdict,) = commit(store, Write(measures=said))
    assert verdict.outcome is Outcome.INVALID
    assert store.series() == []


def test_they_stay_when_their_run_is_forgotten_and_go_by_age(store: Store) -> None:
    own(store, "r1")
    some = tuple(point(name, at, at) for name in ("cold", "heat") for at in (1.0, 2.0, 3.0))
    commit(store, fenced("r1", measures=some, move=Move(State.FAILED, at=9.0)))
    assert outcomes(store, fenced("r1", states=[State.FAILED], forget=True)) == [DONE]
    assert values(store, "heat") == [1.0, 2.0, 3.0]
    assert store.forget_measures(3.0, limit=3) == 3
    assert (values(store, "cold"), len(values(store, "heat"))) == ([3.0], 2)
    assert store.forget_measures(3.0) == 1
    assert store.forget_measures(3.0) == 0
    assert (values(store, "cold"), values(store, "heat")) == ([3.0], [3.0])
    assert store.forget_measures(math.inf) == 2
    assert store.series() == []
