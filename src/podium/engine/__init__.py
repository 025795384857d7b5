"""The engine: owns runs, drives their machines, commits what happened. `EngineHost` is one in a process."""

from .about import About, read_about
from .desk import End
from .engine import Engine
from .host import EngineHost
from .options import Options
from .reasons import Reason, read_reason

__all__ = ["About", "End", "Engine", "EngineHost", "Options", "Reason", "read_about", "read_reason"]
