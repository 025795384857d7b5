"""The simulator: several engines against the real store, on virtual time, in weather that a seed draws.

`World(seed, setting).play()` gives a `Report`. The same seed gives the same story, to the last step.
"""

from .clients import Job
from .crashes import Crash, CrashReport, crash_everywhere
from .executor import Invocation, current_invocation
from .faults import CALM, Fault, Trouble, Weather, draw_weather
from .stubs import Stub, stubbed
from .virtual_app import VirtualApp
from .world import Report, Setting, World

__all__ = [
    "CALM",
    "Crash",
    "CrashReport",
    "crash_everywhere",
    "Fault",
    "Invocation",
    "Job",
    "Report",
    "Setting",
    "Stub",
    "Trouble",
    "Weather",
    "VirtualApp",
    "World",
    "current_invocation",
    "draw_weather",
    "stubbed",
]
