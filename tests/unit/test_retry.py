"""Retry policies decide from durable counts alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.errors import UsageError
from podium.retry import MAX_POLICIES, Grant, Retry


def top(low: float, high: float) -> float:
    return high


def bottom(low: float, high: float) -> float:
    return low


def delays(policy: Retry, error: Exception, draw=top) -> list[float]:
    """The waits of a step that fails the same way until its policy gives up."""
    granted: list[int] = []
    waits: list[float] = []
    while grant := policy.next_delay(error, granted, sum(waits), draw):
        granted.append(grant.policy)
        waits.append(grant.delay)
    return waits


def test_waits_grow_by_the_factor_up_to_the_cap():
    assert delays(Retry(times=6, wait=1, factor=3, max_wait=20), ValueError()) == [1, 3, 9, 20, 20, 20]


def test_jitter_leaves_a_share_of_the_wait_to_chance():
    assert delays(Retry(times=1, wait=8), ValueError(), bottom) == [4]
    assert delays(Retry(times=1, wait=8, jitter=1.0), ValueError(), bottom) == [0]
    assert delays(Retry(times=1, wait=8, jitter=False), ValueError(), bottom) == [8]


def test_no_jitter_draws_nothing():
    def never(low: float, high: float) -> float:
        raise AssertionError

    assert delays(Retry(times=2, wait=1, jitter=0), ValueError(), never) == [1, 2]
    assert delays(Retry(times=2, wait=0), ValueError(), never) == [0, 0]


def test_only_the_failures_it_is_about():
    policy = Retry(times=2, wait=0, on=(OSError, ValueError), unless=FileNotFoundError)
    assert len(delays(policy, ConnectionError())) == 2
    assert len(delays(policy, ValueError())) == 2
    assert delays(policy, FileNotFoundError()) == []
    assert delays(policy, KeyError()) == []


def test_a_predicate_looks_at_the_failure_itself():
    policy = Retry(times=1, wait=0, on=lambda error: "busy" in str(error))
    assert delays(policy, RuntimeError("busy")) == [0]
    assert delays(policy, RuntimeError("gone")) == []


def test_a_broken_predicate_gives_up_and_says_so_on_the_failure():
    error = RuntimeError("x")
    assert Retry(on=lambda error: error.nothing).next_delay(error, [], 0, top) is None
    assert "predicate raised AttributeError" in error.__notes__[0]


def test_the_total_bounds_the_start_of_the_last_retry():
    policy = Retry(times=100, wait=10, factor=1, jitter=0, total=25)
    assert policy.next_delay(ValueError(), [0], 15, top) == Grant(10, 0)
    assert policy.next_delay(ValueError(), [0], 15.1, top) is None
    assert delays(policy, ValueError()) == [10, 10]


def test_joined_policies_count_each_for_itself():
    policy = Retry(times=2, wait=1, on=TimeoutError) | Retry(times=1, wait=7, on=ValueError)
    assert policy.next_delay(ValueError(), [], 0, top) == Grant(7, 1)
    assert policy.next_delay(ValueError(), [1], 0, top) is None
    assert policy.next_delay(TimeoutError(), [1], 0, top) == Grant(1, 0)
    assert policy.next_delay(TimeoutError(), [1, 0], 0, top) == Grant(2, 0)
    assert policy.next_delay(TimeoutError(), [1, 0, 0], 0, top) is None
    assert policy.next_delay(KeyError(), [], 0, top) is None


def test_joining_is_associative_and_the_later_one_takes_over():
    a, b, c = Retry(times=1, wait=0), Retry(times=1, wait=1), Retry(times=1, wait=2)
    assert (a | b) | c == a | (b | c)
    assert delays(a | b | c, ValueError()) == [0, 1, 2]


def test_what_the_retries_option_means():
    assert Retry.of(None).times == 0
    assert Retry.of(7) == Retry(times=7)
    assert Retry.of(Retry(times=1)) == Retry(times=1)
    for wrong in (True, 1.5, "3"):
        with pytest.raises(UsageError, match="retries="):
            Retry.of(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": -1},
        {"times": 1_000_001},
        {"times": 1.0},
        {"times": True},
        {"times": math.inf},
        {"wait": -1},
        {"wait": math.nan},
        {"wait": math.inf},
        {"wait": "1"},
        {"wait": 61},
        {"wait": True},
        {"factor": 0.5},
        {"factor": math.nan},
        {"max_wait": math.inf},
        {"jitter": 1.5},
        {"jitter": None},
        {"jitter": "1"},
        {"total": -1},
        {"total": math.nan},
        {"on": "ValueError"},
        {"on": BaseException},
        {"on": (ValueError, 3)},
        {"unless": KeyboardInterrupt},
    ],
)
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(UsageError) as refused:
        Retry(**wrong)
    assert next(iter(wrong)) in str(refused.value)


def test_never_more_policies_than_a_recorded_index_has_values():
    policy = Retry(times=1)
    with pytest.raises(UsageError, match=f"more than {MAX_POLICIES} "):
        for _ in range(300):
            policy = Retry(times=1) | policy


@given(
    times=st.integers(0, 40),
    wait=st.floats(0, 50),
    factor=st.floats(1, 1e308),
    jitter=st.booleans() | st.floats(0, 1),
    draw=st.sampled_from([top, bottom]),
)
def test_every_policy_ends_and_every_wait_is_in_bounds(times, wait, factor, jitter, draw):
    waits = delays(Retry(times=times, wait=wait, factor=factor, jitter=jitter), ValueError(), draw)
    assert len(waits) == times
    assert all(0 <= seconds <= 60 for seconds in waits)
