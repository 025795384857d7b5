"""The instants of cron expressions, in zones with daylight saving.

What each wall clock time comes to is cron's own rule, as cronsim has it: a fixed time ("30 2 * * *") comes
once a day, in the spring right after the gap that swallows it, in autumn at the first of the two; what
has a star for minutes or hours follows real time, so nothing in the gap, and both hours in autumn.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError

from .fields import Fields


def cron_instants(fields: Fields, zone: tzinfo, after: float) -> Iterator[float]:
    """UTC seconds of each instant after this one, in order; ends where fifty years have none."""
    is_fixed = not (fields.minute.text.startswith("*") or fields.hour.text.startswith("*"))
    last = after
    try:
        for found in CronSim(fields.text, datetime.fromtimestamp(after, zone)):
            at = found.timestamp()
            # In the second of two equal hours, cronsim begins with the first one's times.
            if at <= last:
                continue
            if not is_fixed:
                there = datetime.fromtimestamp(at, zone)
                # Midnight itself may be in the gap.
                if there.hour not in fields.hour.numbers or there.minute not in fields.minute.numbers:
                    continue
            last = at
            yield at
    except (OverflowError, ValueError):  # the calendar ends in 9999
        return


def ever_comes(fields: Fields) -> bool:
    """Whether there is any such day: 31 February there is not."""
    # From a fixed day, so that the answer does not depend on the day that asks; 28 years are a whole cycle.
    begin = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
    try:
        return next(cron_instants(fields, UTC, begin), None) is not None
    except CronSimError:  # our parser has read it, so this is what cronsim itself sees to come never
        return False
