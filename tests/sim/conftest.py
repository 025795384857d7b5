"""What holds for every simulated world."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.sim import campaign


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Engines that are killed all the time have much to say."""
    campaign.quiet()
    yield
    logging.getLogger("podium").setLevel(logging.NOTSET)
