"""The engine: owns runs, drives their machines, commits what happened. `EngineHost` is one in a process."""

from .engine import End, Engine, Options
from .host import EngineHost
from .reasons import Reason, read_reason

__all__ = ["End", "Engine", "EngineHost", "Options", "Reason", "read_reason"]
