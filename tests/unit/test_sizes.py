"""Numbers of bytes as people say them."""

from __future__ import annotations

import pytest

from podium.sizes import spelled_size


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (345_678, "345.7 kB"),
        (512_000_000, "512 MB"),
        (64 * 2**20, "67.11 MB"),
        (999_999_999, "1000 MB"),
        (2**30, "1.074 GB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_it_fills(size: int, said: str) -> None:
    assert spelled_size(size) == said
