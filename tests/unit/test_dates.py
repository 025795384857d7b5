"""Times as programs read them."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from podium.inspect import iso


@given(st.one_of(st.floats(-1e9, 1e11), st.integers(0, 10**10).map(lambda n: n + 0.9999996)))
def test_a_time_is_written_as_the_standard_library_writes_it(at: float) -> None:
    assert iso(at) == datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat()


def test_what_lies_behind_the_calendar_is_its_end() -> None:
    assert {iso(at) for at in (float("inf"), float("nan"), 1e300)} == {"9999-12-31T23:59:59+00:00"}
