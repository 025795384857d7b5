"""When things are to happen: cron expressions and intervals, their instants, and how they read in words."""

from .schedule import CatchUp, Overlap, Schedule, cron, every

__all__ = ["CatchUp", "Overlap", "Schedule", "cron", "every"]
