"""The one door for every surface: `App` opens a store and an engine and hands out `Run` and `Runs`."""

from .app import App, Call, current_app, tell
from .location import default_url, module_name, script, store_file
from .run import Run, StepRun, StoredRun, why
from .runs import Batch, Completed, Runs
from .search import Found, search
from .terms import Wanted, is_query, parse
from .tracebacks import Frame, drop_our_frames, recorded_frames, with_recorded_frames

__all__ = [
    "App",
    "Batch",
    "Call",
    "Completed",
    "Found",
    "Frame",
    "Run",
    "Runs",
    "StepRun",
    "StoredRun",
    "Wanted",
    "current_app",
    "default_url",
    "drop_our_frames",
    "is_query",
    "module_name",
    "parse",
    "recorded_frames",
    "script",
    "search",
    "store_file",
    "tell",
    "why",
    "with_recorded_frames",
]
