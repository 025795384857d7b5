"""Where task bodies run. An executor gets an `Attempt` and answers, once, with an `Ended`."""

from .attempt import Attempt, Ended, Progress, current_attempt
from .loading import loading, parents_store, refuse_work_while_loading
from .log_buffer import Caps, LogBuffer
from .loop import LoopExecutor
from .output import Console, Said
from .processes import ProcessExecutor
from .slots import SlotLoad, note_started_run, slot_lent
from .threads import ThreadExecutor

__all__ = [
    "Attempt",
    "Caps",
    "Console",
    "Ended",
    "LogBuffer",
    "LoopExecutor",
    "ProcessExecutor",
    "Progress",
    "Said",
    "SlotLoad",
    "ThreadExecutor",
    "current_attempt",
    "loading",
    "note_started_run",
    "parents_store",
    "refuse_work_while_loading",
    "slot_lent",
]
