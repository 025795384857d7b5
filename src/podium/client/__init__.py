"""Doing: `App` opens a store and an engine, starts and steers runs, and hands out `Run` and `Runs`."""

from .app import App, Started, current_app
from .busy_wait import WAITING
from .location import default_url, is_in_memory, module_name, store_file, store_flag, wants_engine
from .loop_wakeup import in_event_loop
from .run import PASSED_ON, Run, StepRun, StoredRun
from .runs import Batch, Runs
from .settings import SETTINGS, check_environment, unknown_settings
from .signals import Echo
from .start_options import StartOptions, checked_tags, is_tag

__all__ = [
    "PASSED_ON",
    "SETTINGS",
    "WAITING",
    "App",
    "Batch",
    "Echo",
    "Run",
    "Runs",
    "StartOptions",
    "Started",
    "StepRun",
    "StoredRun",
    "check_environment",
    "checked_tags",
    "current_app",
    "default_url",
    "in_event_loop",
    "is_in_memory",
    "is_tag",
    "module_name",
    "store_file",
    "store_flag",
    "unknown_settings",
    "wants_engine",
]
