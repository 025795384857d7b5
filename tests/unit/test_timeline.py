"""A run over time in parts: how many attempts were under way in each."""

from __future__ import annotations

from podium.inspect.timeline import timeline
from podium.model import Entry, Kind

ENTRIES = [
    Entry(1, Kind.RESULT, 2.0, step="/a#1", began=1.0, attempt=1),
    Entry(2, Kind.RETRY, 4.0, step="/b#1", began=1.0, attempt=1),
    Entry(3, Kind.TICK, 4.5, step="t"),
    Entry(4, Kind.ERROR, 5.0, step="/b#1", began=4.9, attempt=2),
    Entry(5, Kind.RESULT, 5.0, step="/a#2", began=3.1, attempt=1),
]


def test_each_function_has_what_was_under_way() -> None:
    drawn = timeline(ENTRIES, 4, None, None)
    assert drawn.bin == 1.0
    assert {group.function: group.bins for group in drawn.groups} == {"a": [1, 1, 1, 1], "b": [1, 1, 1, 2]}
    (b,) = (group for group in drawn.groups if group.function == "b")
    assert (b.attempts, b.failed, b.retried) == (2, 1, 1)
    assert b.quantiles[3] == 3.0


def test_a_part_of_the_span_has_what_reaches_into_it() -> None:
    drawn = timeline(ENTRIES, 2, 3.0, 4.0)
    assert {group.function: group.bins for group in drawn.groups} == {"a": [1, 1], "b": [1, 1]}


def test_nothing_on_record_draws_nothing() -> None:
    assert timeline([], 10, None, None).groups == []
    assert timeline(ENTRIES[2:3], 10, None, None).groups == []
