"""Lengths of time, wherever code gives one: seconds, or text."""

from __future__ import annotations

import time

import pytest

import podium
from podium import Retry, UsageError, task, workflow
from podium.checks import seconds_of


def stays() -> None: ...


@pytest.mark.parametrize(
    ("span", "seconds"),
    [(5, 5.0), (0.5, 0.5), ("30s", 30.0), ("1h30m", 5400.0), ("1d", 86400.0), ("0s", 0.0)],
)
def test_a_length_of_time_is_seconds_or_text(span: float | str, seconds: float) -> None:
    assert seconds_of("f", "wait", span) == seconds


@pytest.mark.parametrize("span", ["", "soon", "5", "-1s", "1h 30m", "1y", "9999999w"])
def test_other_text_is_none_and_says_what_would_be(span: str) -> None:
    with pytest.raises(UsageError, match=r'^f\(wait=.*seconds from 0 .*\n  or text such as wait="1h30m"'):
        seconds_of("f", "wait", span)


def test_every_place_that_takes_one_takes_text() -> None:
    assert task(stays, name="spans-task", timeout="30s")._function.timeout == 30.0
    assert workflow(stays, name="spans-flow", timeout="2h")._function.timeout == 7200.0
    text, number = Retry(wait="1m", max_wait="1h", total="1d"), Retry(wait=60, max_wait=3600, total=86400)
    for elapsed in (0.0, 86_300.0):
        grants = [each.next_delay(ValueError(), [], elapsed, lambda a, b: a) for each in (text, number)]
        assert grants[0] == grants[1]
    with pytest.raises(UsageError, match="longer than max_wait"):
        Retry(wait="2h", max_wait="1h")
    began = time.monotonic()
    podium.sleep("0.01s")
    assert 0.01 <= time.monotonic() - began < 5
