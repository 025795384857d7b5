"""The engine: owns runs, drives their machines, commits what happened. `EngineHost` is one in a process."""

from . import events
from .alerts import About, channels, fingerprint, how_it_ended
from .border import refused_signal
from .clients import Met
from .dry_replay import DryEnd, DryReplay
from .engine import Engine
from .engine_info import EngineInfo, read_engine_info
from .events import Event, Observer
from .expecting import Expected, read_expected
from .host import EngineHost
from .options import Options, Others
from .queue_notes import QueueNotes
from .reasons import Reason, parking, paused, read_reason
from .watchers import End, gone, seen

__all__ = [
    "DryEnd",
    "DryReplay",
    "About",
    "channels",
    "fingerprint",
    "how_it_ended",
    "End",
    "Engine",
    "EngineHost",
    "EngineInfo",
    "Event",
    "Expected",
    "Met",
    "Observer",
    "Options",
    "Others",
    "QueueNotes",
    "Reason",
    "events",
    "read_engine_info",
    "read_expected",
    "gone",
    "parking",
    "paused",
    "read_reason",
    "refused_signal",
    "seen",
]
