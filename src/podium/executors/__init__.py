"""Where task bodies run. An executor gets an `Attempt` and answers, once, with an `Ended`."""

from .attempt import Attempt, Ended, Progress, current_attempt
from .loop import LoopExecutor
from .threads import ThreadExecutor
from .transcript import Caps, Listener, Transcript

__all__ = [
    "Attempt",
    "Caps",
    "Ended",
    "Listener",
    "LoopExecutor",
    "Progress",
    "ThreadExecutor",
    "Transcript",
    "current_attempt",
]
