"""The process of a child as the system has it: how it is started, told to end, and known to have ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from .descendants import MARK, kill_descendants
from .wire import Channel


class ChildProcess:
    """One process, in a session of its own. `mark` names it and all that it starts. Raises OSError."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._process, self.channel, self._lifeline = _spawn(mark)
        self.pid = self._process.pid
        self.outputs = [
            (pipe, name)
            for pipe, name in ((self._process.stdout, "stdout"), (self._process.stderr, "stderr"))
            if pipe is not None
        ]
        self.pidfd = _open_pidfd(self.pid)  # readable once it is dead; None where the system has none

    def interrupt(self) -> None:
        """SIGINT, to it and its group."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL, to it and its group."""
        self._signal(signal.SIGKILL)

    def kill_descendants(self) -> None:
        """What it has started in sessions of their own, as far as the system can tell."""
        kill_descendants(self._mark)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)  # not waited for yet, so the number is still this group's
        except (ProcessLookupError, PermissionError):
            pass

    def wait(self) -> int:
        """Its exit code (negative: the signal); blocks until it is dead."""
        return self._process.wait()

    def close(self) -> None:
        """Close what is open here. In a forked process of ours this does nothing to the child."""
        os.close(self._lifeline)
        if self._process.returncode is None:
            self._process.returncode = 0  # in a forked process: not its child, so nothing to complain of
        if self.pidfd is not None:
            os.close(self.pidfd)


def _open_pidfd(process: int) -> int | None:
    """A descriptor that tells when the process is dead; None where the system has none."""
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError):
        return None


def _spawn(mark: str) -> tuple[subprocess.Popen[bytes], Channel, int]:
    ours, theirs = socket.socketpair()
    lifeline, our_end = os.pipe()
    # As this interpreter itself was started (-O, -X utf8); private, but the standard library's own way. And
    # -P, or a file in the working directory could stand in the way of a module of ours.
    flags: list[str] = getattr(subprocess, "_args_from_interpreter_flags", list)()
    program = ["-m", "podium.executors.child", str(theirs.fileno()), str(lifeline)]
    try:
        # Spawned, not forked: a fork of a process with threads inherits their locks, held for ever.
        process = subprocess.Popen(
            [sys.executable, *flags, "-P", *program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(), lifeline),
            env={**os.environ, MARK: mark},
            start_new_session=True,  # a Ctrl-C in the terminal is for the parent, which then decides
        )
    except BaseException:
        ours.close()
        os.close(our_end)
        raise
    finally:
        theirs.close()
        os.close(lifeline)
    ours.setblocking(False)
    return process, Channel(ours), our_end
