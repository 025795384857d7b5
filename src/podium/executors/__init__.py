"""Where task bodies run. An executor gets an `Attempt` and answers, once, with an `Ended`."""

from .attempt import Attempt, Ended, Progress, current_attempt
from .loading import parents_store, refuse_work_while_loading
from .loop import LoopExecutor
from .outlet import Console, Said
from .processes import ProcessExecutor
from .threads import ThreadExecutor

__all__ = [
    "Attempt",
    "Console",
    "Ended",
    "LoopExecutor",
    "ProcessExecutor",
    "Progress",
    "Said",
    "ThreadExecutor",
    "current_attempt",
    "parents_store",
    "refuse_work_while_loading",
]
