"""The one door for every surface: `App` opens a store and an engine and hands out `Run` and `Runs`."""

from . import record
from .app import App, Started, current_app
from .call import Call, checked_tags, is_tag
from .causes import Cause, can_act, cause_of
from .health import check_environment, check_runs
from .location import (
    default_url,
    is_in_memory,
    module_name,
    script,
    store_file,
    store_flag,
    wants_engine,
)
from .notices import tell
from .patience import WAITING
from .run import Run, StepRun, StoredRun, lending, why
from .runs import Batch, Completed, Runs
from .search import Found, search
from .settings import SETTINGS, Setting, unknown_settings
from .signals import Echo, kill_by
from .spans import ago, span, until
from .terms import Wanted, is_query, parse
from .times import SPANS, read_moment, read_span
from .tracebacks import PASSED_ON, Frame, drop_our_frames, recorded_frames, with_recorded_frames

__all__ = [
    "PASSED_ON",
    "SETTINGS",
    "SPANS",
    "WAITING",
    "App",
    "Batch",
    "Call",
    "Cause",
    "Completed",
    "Echo",
    "Found",
    "Frame",
    "Run",
    "Runs",
    "Setting",
    "Started",
    "StepRun",
    "StoredRun",
    "Wanted",
    "ago",
    "can_act",
    "cause_of",
    "check_environment",
    "check_runs",
    "checked_tags",
    "current_app",
    "default_url",
    "drop_our_frames",
    "is_in_memory",
    "is_query",
    "is_tag",
    "kill_by",
    "lending",
    "module_name",
    "parse",
    "read_moment",
    "read_span",
    "record",
    "recorded_frames",
    "script",
    "search",
    "span",
    "store_file",
    "store_flag",
    "tell",
    "unknown_settings",
    "until",
    "wants_engine",
    "why",
    "with_recorded_frames",
]
