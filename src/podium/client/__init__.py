"""Doing: `App` opens a store and an engine, starts and steers runs, and hands out `Run` and `Runs`."""

from ..store import Finding, examine, shown_url
from .alerts import QUIET_SECONDS, count_since, deliver, notice
from .app import App
from .body import BodyWaiting, Callback, OwnRun, StepRun
from .channels import Notice
from .checking import check
from .decisions import NO_VALUE
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
from .schedule_record import keep_schedules
from .schedules import ScheduleHandle, ScheduleShape, schedule_shape, schedules, start_due
from .series import Point, series, tag_texts
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
from .start_options import IfExists, StartOptions, checked_tags, is_tag
from .starting import Started, encoded, require_own_ids, wait_for_all
from .steering import Cancelled
from .stored_run import PASSED_ON, StoredRun
from .streams import LOG, PAUSE_MAX, Chunk, Stream, read_chunks, stream_of, value_of
from .waiting import Answer, Done, Waiting, answered

__all__ = [
    "Notice",
    "ELSEWHERE",
    "LOG",
    "PAUSE_MAX",
    "NO_VALUE",
    "PASSED_ON",
    "SETTINGS",
    "Answer",
    "App",
    "Batch",
    "CheckedRun",
    "check_all",
    "answer",
    "BodyWaiting",
    "Callback",
    "QUIET_SECONDS",
    "count_since",
    "deliver",
    "notice",
    "Point",
    "series",
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
    "schedules",
    "start_due",
    "Waiting",
    "encoded",
    "forget",
    "get",
    "runs",
    "StepRun",
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
