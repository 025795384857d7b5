"""What an attempt comes to whose process has died, in words."""

from __future__ import annotations

import itertools
import os
import re
import signal
import traceback

from ..errors import TaskCrashed, TaskTimeout
from ..sizes import spelled_size
from .attempt import Attempt
from .children import BROKEN, START_SECONDS, Child

LAST_LINES = 5  # of stderr, in the story of a crash
LACKS = 75  # EX_TEMPFAIL: the exit code of one that could not start for want of threads or memory
# What Python, and the system's loader, say of a process that has no room for itself.
_LACKS_MEMORY = ("MemoryError", "Cannot allocate memory", "failed to map segment", "can't start new thread")
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)  # faulthandler's, innermost first
_OURS = os.path.dirname(__file__)


def outcome(child: Child, attempt: Attempt, code: int) -> Exception:
    """What an attempt comes to whose process has died."""
    function, stop_reason = attempt.function, child.stop_reason
    if stop_reason == "timeout" and child.knows(attempt):
        return TaskTimeout(
            f"{function.label} took longer than its timeout of {function.timeout:g} s",
            fix="its process was ended",
        )
    if stop_reason == "timeout":
        shown = " and ".join(module for module, _ in function.import_from)
        return TaskTimeout(
            f"importing {shown} for {function.label} took longer than {START_SECONDS:g} s",
            fix='is all that a script does under: if __name__ == "__main__": ?',
        )
    if stop_reason == "memory" and function.memory is not None:
        error = TaskCrashed(
            f"{function.label} was killed: its process had more than its memory cap of "
            f"{spelled_size(function.memory)}",
            fix="give it more, @task(memory=...), or less to do at once",
        )
    elif stop_reason == BROKEN:
        error = TaskCrashed(f"{function.label} broke its process's link to Podium, and so was killed")
    else:
        error = TaskCrashed(f"{function.label} crashed its process: {how_it_ended(code)}")
    return with_last_words(error, child.link.last_words)


def with_last_words(error: TaskCrashed, last_words: str) -> TaskCrashed:
    """The error with what its process wrote to stderr before it died: what faulthandler says as its
    traceback, the rest as a note."""
    said, fatal, dump = last_words.partition("Fatal Python error: ")
    frames = [(file, int(line), name) for file, line, name in _FRAME.findall(dump)]
    user_frames = list(itertools.takewhile(lambda frame: not frame[0].startswith(_OURS), frames))
    if fatal and user_frames:
        stack = traceback.StackSummary.from_list([(*frame, None) for frame in reversed(user_frames)])
        text = f"Traceback (most recent call last):\n{''.join(stack.format())}TaskCrashed: {error.message}"
        vars(error)["__podium_traceback__"] = text
    lines = said.strip().splitlines()[-LAST_LINES:]
    if lines:
        error.add_note("\n".join(["the last it wrote to stderr:", *lines]))
    return error


def lacked(code: int, last_words: str) -> str:
    """What a process lacked that ended before it could begin; "" if it ended of something else."""
    line = next((line for line in last_words.splitlines() if any(map(line.__contains__, _LACKS_MEMORY))), "")
    return line or ("no room for it" if code == LACKS else "")


_SIGNALS = {
    "SIGKILL": "by the system for want of memory, or by somebody's kill -9",
    "SIGSEGV": "a fault in C code",
    "SIGBUS": "a fault in C code, or a mapped file that became shorter",
    "SIGABRT": "C code called abort",
    "SIGFPE": "an arithmetic fault in C code",
    "SIGILL": "C code made for another processor",
    "SIGXCPU": "its limit of CPU time",
}


def how_it_ended(code: int) -> str:
    """How a process ended, by what `Popen.wait` says."""
    if code >= 0:
        return f"it exited with code {code}" + (" (os._exit?)" if code == 0 else "")
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    meaning = _SIGNALS.get(name)
    return f"killed by {name}" + (f" ({meaning})" if meaning else "")
