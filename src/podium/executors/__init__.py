"""Where task bodies run. An executor gets an `Attempt` and answers, once, with an `Ended`."""

from .attempt import Attempt, Ended, Progress, current_attempt, slot_lent
from .loading import loading, parents_store, refuse_work_while_loading
from .loop import LoopExecutor
from .outlet import Console, Said
from .processes import ProcessExecutor
from .threads import ThreadExecutor
from .transcript import Caps, Listener, Transcript

__all__ = [
    "Attempt",
    "Caps",
    "Console",
    "Ended",
    "Listener",
    "LoopExecutor",
    "ProcessExecutor",
    "Progress",
    "Said",
    "ThreadExecutor",
    "Transcript",
    "current_attempt",
    "loading",
    "parents_store",
    "refuse_work_while_loading",
    "slot_lent",
]
