"""Stands between an engine and a command that it runs: the command, with all in its process group, ends when
the engine does, however that dies.

`command.py` runs this file as a script: `guard.py LINK COMMAND...`. LINK is the descriptor of a socket. It
says "failed ERRNO" or "ended CODE" there (below 0: by that signal); told anything it asks the command to end
(SIGTERM), and when the other side has gone it ends it. Nothing of Podium is imported, so it starts in 10 ms.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command to its end, or to that of the engine."""
    link, command = int(sys.argv[1]), sys.argv[2:]
    bell, ring = os.pipe()
    os.set_blocking(ring, False)
    signal.signal(signal.SIGCHLD, _note)  # a handler, so that the bell rings
    signal.set_wakeup_fd(ring)
    pid, error = _start(command)
    os.close(1)  # their ends are for the command alone to hold open
    os.close(2)
    if error:
        os.write(link, b"failed %d" % error)
        return
    heard = [link, bell]
    while True:
        ready, _, _ = select.select(heard, [], [])
        if link in ready and _is_asked(link):
            _signal(pid, signal.SIGTERM)
        elif link in ready:
            _signal(pid, signal.SIGKILL)
            heard.remove(link)  # at its end for good, and the command may take a while to be gone
        if bell in ready:
            os.read(bell, 512)
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                _signal(pid, signal.SIGKILL)  # what it has left in its group
                _say(link, b"ended %d" % os.waitstatus_to_exitcode(status))
                return


def _note(number: int, frame: FrameType | None) -> None:
    pass


def _start(command: list[str]) -> tuple[int, int]:
    """The command's process, in a group of its own; or the error number of why it could not begin."""
    trouble, theirs = os.pipe()  # closed by the exec that goes well
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            os.execvp(command[0], command)
        except OSError as error:
            os.write(theirs, b"%d" % (error.errno or 1))
        os._exit(127)
    os.close(theirs)
    return pid, int(os.read(trouble, 16) or 0)


def _is_asked(link: int) -> bool:
    """Whether the engine has said something; else it is gone."""
    try:
        return bool(os.read(link, 16))
    except OSError:
        return False


def _say(link: int, text: bytes) -> None:
    try:
        os.write(link, text)
    except OSError:
        pass  # nobody listens any more


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


if __name__ == "__main__":
    main()
    os._exit(0)  # the streams that the interpreter would flush are closed
