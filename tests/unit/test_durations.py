"""Spans of time in words: the one or two units that matter, and a bound to what is printed."""

from __future__ import annotations

import math

import pytest

from podium.inspect import ago, span, until


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 ms"),
        (0.012, "12 ms"),
        (0.3, "0.3 s"),
        (14, "14 s"),
        (125, "2 min 5 s"),
        (11_520, "3 h 12 min"),
        (90_000, "1 d 1 h"),
        (1e9, "11574 d 1 h"),
        (1e300, "more than 30 years"),
        (math.inf, "more than 30 years"),
    ],
)
def test_a_span_in_words(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_looking_back_and_ahead() -> None:
    assert (ago(0.0, 7300.0), ago(-1e300, 0.0)) == ("2 h ago", "more than 30 years ago")
    assert (until(14.0, 0.0), until(math.inf, 0.0)) == ("in 14 s", "in more than 30 years")
