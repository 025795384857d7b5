"""The one door for every surface: `App` opens a store and an engine, `Run` and `Runs` are what it hands out."""

from .app import App, Call, current_app, notice
from .location import default_url, module_name, script
from .run import Run, StepRun, StoredRun, why
from .runs import Batch, Completed, Runs

__all__ = [
    "App",
    "Batch",
    "Call",
    "Completed",
    "Run",
    "Runs",
    "StepRun",
    "StoredRun",
    "current_app",
    "default_url",
    "module_name",
    "notice",
    "script",
    "why",
]
