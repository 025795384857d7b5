"""Which schedule a run of the built-in workflow keeps."""

from __future__ import annotations

import msgspec

from .. import codec
from ..errors import PodiumError
from ..model import SCHEDULE, RunRow


class _Plan(msgspec.Struct, gc=False):
    name: str
    function: str


class _Arguments(msgspec.Struct, gc=False):
    plan: _Plan


def schedule_of(row: RunRow) -> tuple[str, str] | None:
    """The schedule's name and the function that it starts; None for a run of anything else, or a record that
    cannot be read."""
    if row.function != SCHEDULE:
        return None
    try:
        plan = msgspec.convert(codec.decode(row.args), _Arguments).plan
    except (PodiumError, msgspec.ValidationError):
        return None
    return plan.name, plan.function
