"""Where task bodies run. An executor gets an `Attempt` and answers, once, with an `Ended`."""

from .attempt import Attempt, Ended, Progress, current_attempt
from .loop import LoopExecutor
from .threads import ThreadExecutor

__all__ = ["Attempt", "Ended", "LoopExecutor", "Progress", "ThreadExecutor", "current_attempt"]
