"""The engine: owns runs, drives their machines, commits what happened. `EngineHost` is one in a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import late

if TYPE_CHECKING:
    from .alerts import About, channels, fingerprint, how_it_ended, name_of_alert, with_slack
    from .border import refused_signal
    from .calling_off import cancels_of, in_line
    from .client_writes import Met, Start
    from .dry_replay import DryEnd, DryReplay
    from .engine import Engine
    from .events import Event, Observer
    from .host import EngineHost
    from .queue_notes import QueueNotes
    from .reasons import parking, paused
    from .watchers import End, Watcher, gone, seen

__all__ = [
    "DryEnd",
    "DryReplay",
    "About",
    "cancels_of",
    "channels",
    "fingerprint",
    "how_it_ended",
    "name_of_alert",
    "End",
    "Engine",
    "EngineHost",
    "Event",
    "Met",
    "Observer",
    "QueueNotes",
    "Start",
    "Watcher",
    "gone",
    "in_line",
    "parking",
    "paused",
    "refused_signal",
    "seen",
    "with_slack",
]

__getattr__ = late.names(
    __name__,
    {
        "alerts": "About channels fingerprint how_it_ended name_of_alert with_slack",
        "border": "refused_signal",
        "calling_off": "cancels_of in_line",
        "client_writes": "Met Start",
        "dry_replay": "DryEnd DryReplay",
        "engine": "Engine",
        "events": "Event Observer",
        "host": "EngineHost",
        "queue_notes": "QueueNotes",
        "reasons": "parking paused",
        "watchers": "End Watcher gone seen",
    },
)
