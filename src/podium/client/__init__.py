"""Doing: `App` opens a store and an engine, starts and steers runs, and hands out `Run` and `Runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import late
from ..store import Finding, examine, shown_url

if TYPE_CHECKING:
    from .alerts import count_since, deliver, notice
    from .app import App
    from .awaited import called
    from .body import BodyWaiting, Callback, OwnRun, StepRun
    from .channels import Notice
    from .checking import check
    from .declared_schedules import keep_schedules
    from .default_app import current_app, declared
    from .dry_check import CheckedRun, check_all
    from .executor import Executor
    from .families import StopWait
    from .feed import Feed, FeedEvent, Missed
    from .found import RESUMED, RETRIED_BY_QUERY, Found, get, load, runs
    from .loop_wakeup import in_event_loop
    from .map_runs import Batch, Runs
    from .messages import answer, complete, completed_before, completing, given_before, questions, send
    from .moving import Moved, give_up_move, move
    from .operators import Operator, operator
    from .process import Drives, wants_engine
    from .project import ELSEWHERE
    from .pruning import forget
    from .queue_record import change_queue, keep_queues
    from .run import Run
    from .schedule_days import ScheduleDay, ScheduleDays
    from .schedules import ScheduleHandle, ScheduleShape, schedule_shape, start_due
    from .series import Point, tag_texts
    from .settings import (
        SETTINGS,
        Option,
        ShownSetting,
        check_environment,
        shown_options,
        shown_settings,
        unknown_settings,
    )
    from .settling import Settlement
    from .signals import Echo
    from .start_options import NO_VALUE, IfExists, StartOptions, checked_tags, is_tag
    from .starting import Started, encoded, require_own_ids, wait_for_all
    from .steering import Cancelled
    from .stored_run import PASSED_ON, RunAround, StoredRun
    from .streams import LOG, PAUSE_MAX, Chunk, Stream, read_chunks, stream_of, value_of
    from .told import Promise
    from .waiting import Done, FutureWaiting, Waiting, answered

__all__ = [
    "Notice",
    "ELSEWHERE",
    "LOG",
    "PAUSE_MAX",
    "NO_VALUE",
    "PASSED_ON",
    "SETTINGS",
    "FutureWaiting",
    "App",
    "Batch",
    "CheckedRun",
    "check_all",
    "answer",
    "BodyWaiting",
    "Callback",
    "called",
    "count_since",
    "deliver",
    "notice",
    "Point",
    "tag_texts",
    "Cancelled",
    "Moved",
    "give_up_move",
    "move",
    "Chunk",
    "Done",
    "Echo",
    "Executor",
    "Run",
    "Runs",
    "StartOptions",
    "RESUMED",
    "RETRIED_BY_QUERY",
    "Finding",
    "Feed",
    "FeedEvent",
    "Missed",
    "Found",
    "Option",
    "Operator",
    "OwnRun",
    "Promise",
    "ShownSetting",
    "StopWait",
    "examine",
    "shown_options",
    "shown_settings",
    "Settlement",
    "ScheduleHandle",
    "IfExists",
    "Started",
    "Stream",
    "start_due",
    "Waiting",
    "encoded",
    "forget",
    "get",
    "runs",
    "StepRun",
    "RunAround",
    "StoredRun",
    "Drives",
    "check_environment",
    "answered",
    "completed_before",
    "given_before",
    "send",
    "ScheduleDay",
    "ScheduleDays",
    "ScheduleShape",
    "schedule_shape",
    "check",
    "checked_tags",
    "complete",
    "completing",
    "current_app",
    "declared",
    "in_event_loop",
    "is_tag",
    "change_queue",
    "keep_queues",
    "keep_schedules",
    "load",
    "operator",
    "questions",
    "read_chunks",
    "require_own_ids",
    "shown_url",
    "stream_of",
    "unknown_settings",
    "value_of",
    "wait_for_all",
    "wants_engine",
]

__getattr__ = late.names(
    __name__,
    {
        "alerts": "count_since deliver notice",
        "app": "App",
        "awaited": "called",
        "body": "BodyWaiting Callback OwnRun StepRun",
        "channels": "Notice",
        "checking": "check",
        "default_app": "current_app declared",
        "dry_check": "CheckedRun check_all",
        "executor": "Executor",
        "families": "StopWait",
        "feed": "Feed FeedEvent Missed",
        "found": "RESUMED RETRIED_BY_QUERY Found get load runs",
        "loop_wakeup": "in_event_loop",
        "map_runs": "Batch Runs",
        "messages": "answer complete completed_before completing given_before questions send",
        "moving": "Moved give_up_move move",
        "operators": "Operator operator",
        "process": "Drives wants_engine",
        "project": "ELSEWHERE",
        "pruning": "forget",
        "queue_record": "change_queue keep_queues",
        "run": "Run",
        "schedule_days": "ScheduleDay ScheduleDays",
        "declared_schedules": "keep_schedules",
        "schedules": "ScheduleHandle ScheduleShape schedule_shape start_due",
        "series": "Point tag_texts",
        "settings": "SETTINGS Option ShownSetting "
        "check_environment shown_options shown_settings unknown_settings",
        "settling": "Settlement",
        "signals": "Echo",
        "start_options": "NO_VALUE IfExists StartOptions checked_tags is_tag",
        "starting": "Started encoded require_own_ids wait_for_all",
        "steering": "Cancelled",
        "stored_run": "PASSED_ON RunAround StoredRun",
        "streams": "LOG PAUSE_MAX Chunk Stream read_chunks stream_of value_of",
        "told": "Promise",
        "waiting": "Done FutureWaiting Waiting answered",
    },
)
