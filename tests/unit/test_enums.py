"""Members of the enum classes that every step looks at."""

from __future__ import annotations

from enum import Enum

import pytest

from podium.engine.residency import Residency
from podium.model import Kind, Outcome, State


@pytest.mark.parametrize("kind", [State, Kind, Outcome, Residency])
def test_members_are_plain_attributes_of_their_class(kind: type[Enum]) -> None:
    assert {name: vars(kind)[name] for name in kind.__members__} == dict(kind.__members__)
    assert all(kind(member.value) is member for member in kind)
    with pytest.raises(AttributeError):
        setattr(kind, next(iter(kind.__members__)), "other")
