"""When things are to happen: cron expressions and intervals, their instants, and how they read in words."""

from .schedule import CATCH_UP_MAX, CatchUp, Overlap, Schedule, cron, every
from .standing import (
    LISTED_MAX,
    LOOK_SECONDS,
    LOOK_SECONDS_MIN,
    Standing,
    begun,
    decide,
    held,
    made_up,
    watch,
)

__all__ = [
    "CATCH_UP_MAX",
    "LISTED_MAX",
    "LOOK_SECONDS",
    "LOOK_SECONDS_MIN",
    "CatchUp",
    "Overlap",
    "Schedule",
    "Standing",
    "begun",
    "cron",
    "decide",
    "every",
    "held",
    "made_up",
    "watch",
]
