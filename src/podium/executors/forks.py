"""The end of a process that a task's body has forked: with `os.fork`, beside its threads and our engine.

In another process than it began in, a body's end is the process's end. What would come after it there (the
line of attempts, the engine's event loop, the link to a parent) belongs to the process that forked.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

from .. import changes


class _Here:
    """`process` stands for this process: one that Python has forked has another.

    To ask the system which one this is, twice a step, took a hundredth of a step's time.
    """

    __slots__ = ("process",)

    def __init__(self) -> None:
        self.become_another()

    def become_another(self) -> None:
        self.process = object()


here = _Here()
changes.at_fork(
    "tasks",
    when=changes.ENGINE,
    why="where a task's body is forked, its end is the end of the forked process",
    in_child=here.become_another,
)


def end_if_forked(process: int, error: BaseException | None) -> None:
    """End this process where it is not that one any more, by whatever means it was forked: a library in C
    does it where Python does not see it. Asked before anything goes on record."""
    if os.getpid() != process:
        end_process(error)


def end_process(error: BaseException | None) -> NoReturn:
    """End this forked process as `multiprocessing` ends its own: output is flushed, no exit handler runs."""
    code = 0
    try:
        if isinstance(error, SystemExit):
            code = _exit_code(error)
        elif error is not None:
            code = 1
            traceback.print_exception(error)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1
