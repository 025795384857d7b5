"""A checkpoint that cannot be made is said once, not at each of the many tries."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from podium.engine.checkpoints import Checkpoints
from podium.env import RealEnv
from podium.errors import StoreUnavailable


def test_a_full_disk_is_said_once_for_as_long_as_it_is_full(caplog: pytest.LogCaptureFixture) -> None:
    full = StoreUnavailable("the disk is full")
    store: Any = Mock()
    store.checkpoint.side_effect = [full, full, full, None, full]
    checkpoints = Checkpoints(store, RealEnv())
    said: list[int] = []
    for _ in range(5):
        checkpoints.begin_due()
        checkpoints.join(10)
        said.append(caplog.text.count("the disk is full"))
    assert said == [1, 1, 1, 1, 2]
