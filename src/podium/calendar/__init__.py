"""When things are to happen: cron expressions and intervals, their instants, and how they read in words."""

from .schedule import CatchUp, Overlap, Schedule, cron, every
from .standing import Standing, begun, decide, held, watch

__all__ = ["CatchUp", "Overlap", "Schedule", "Standing", "begun", "cron", "decide", "every", "held", "watch"]
