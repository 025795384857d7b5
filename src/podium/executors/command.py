"""Runs a command without a shell, on the loop that asks: its output is streamed, its end told, and certain.

The command has a guard (`guard.py`), which ends it when this process dies, however that happens: so nothing
is left that an attempt which begins again would meet.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..shortage import shortage_of
from . import guard
from .descendants import MARK, kill_descendants
from .output import OutputPipe, write_to

RESULT_MAX = 1024 * 1024  # bytes of stdout that are the command's result
STOP_SECONDS = 3.0  # from SIGTERM to SIGKILL
DRAIN_SECONDS = 1.0  # for what is in the pipes at the end; a daemon may hold them open for ever


class CommandEnd(NamedTuple):
    """How a command has ended."""

    code: int  # below 0: killed by that signal
    stdout: str
    left_out: int  # bytes of stdout over what is kept
    stderr: str  # its end


async def run_command(
    command: Sequence[str], cwd: str | None, env: Mapping[str, str], timeout: float | None, mark: str
) -> CommandEnd:
    """Run it to its end, print what it says. `env` is added to this process's own; `mark` is unique.

    Cancelled, or after `timeout` seconds (TimeoutError), it is ended with all that it has started: by
    SIGTERM, and 3 s later by SIGKILL. Raises OSError where it cannot begin, ResourceShortage.
    """
    running = _Running(command, cwd, {**os.environ, **env, MARK: mark})
    try:
        try:
            async with asyncio.timeout(timeout):
                code = await running.ended
        except (TimeoutError, asyncio.CancelledError):
            await running.end()
            kill_descendants(mark)
            raise
        await running.drained()
        return running.outcome(code)
    finally:
        running.close()


class _Running:
    """A command under its guard. Of the loop that made it alone."""

    def __init__(self, command: Sequence[str], cwd: str | None, env: Mapping[str, str]) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._process, self._link = _spawn(command, cwd, env)
        self._command = command[0]
        self.ended: asyncio.Future[int] = loop.create_future()
        self._gone = asyncio.Event()  # the guard has ended
        self._pipes: dict[str, OutputPipe] = {}
        self._open: dict[str, asyncio.Event] = {}  # which is set at the end of the stream
        for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr)):
            assert pipe is not None
            keep = RESULT_MAX if name == "stdout" else 0
            self._pipes[name] = heard = OutputPipe(pipe, name, _said, keep)
            self._open[name] = asyncio.Event()
            loop.add_reader(heard.fileno(), self._read, name)
        self._link.setblocking(False)
        loop.add_reader(self._link.fileno(), self._hear)

    def _read(self, name: str) -> None:
        if self._pipes[name].read() is False:
            self._loop.remove_reader(self._pipes[name].fileno())
            self._open[name].set()

    def _hear(self) -> None:
        """The guard says something, or is gone."""
        try:
            said = self._link.recv(64).decode()
        except BlockingIOError:
            return
        except OSError:
            said = ""
        if not said:
            self._loop.remove_reader(self._link.fileno())
            self._gone.set()
        what, _, number = (said or "ended -9").partition(" ")
        if self.ended.done():
            pass
        elif what == "failed":
            self.ended.set_exception(OSError(int(number), os.strerror(int(number)), self._command))
        else:
            self.ended.set_result(int(number))

    async def end(self) -> None:
        """Ask it to end, for a moment; then end it."""
        for ask in (lambda: self._link.send(b"T"), lambda: self._link.shutdown(socket.SHUT_WR)):
            try:
                ask()
                await asyncio.wait_for(self._gone.wait(), STOP_SECONDS)
                return
            except (OSError, TimeoutError):
                pass

    async def drained(self) -> None:
        """All that it said is heard."""
        ends = [asyncio.ensure_future(end.wait()) for end in self._open.values()]
        _, late = await asyncio.wait(ends, timeout=DRAIN_SECONDS)
        for each in late:
            each.cancel()

    def outcome(self, code: int) -> CommandEnd:
        stdout, stderr = self._pipes["stdout"], self._pipes["stderr"]
        text = bytes(stdout.kept).decode("utf-8", "backslashreplace")
        return CommandEnd(code, text, max(0, stdout.bytes - RESULT_MAX), stderr.last)

    def close(self) -> None:
        """Let go; a command that still runs is killed by its guard."""
        self._loop.remove_reader(self._link.fileno())
        self._link.close()
        for pipe in self._pipes.values():
            self._loop.remove_reader(pipe.fileno())
            pipe.end()
            pipe.close()
        if self.ended.done() and not self.ended.cancelled():
            self.ended.exception()  # heard, or of no interest any more
        self._process.wait()


def _spawn(
    command: Sequence[str], cwd: str | None, env: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(theirs.fileno()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            cwd=cwd,
            env=env,
            start_new_session=True,  # a Ctrl-C in the terminal is for the engine, which then decides
        )
    except OSError as error:
        ours.close()
        raise shortage_of(error) or error from error
    finally:
        theirs.close()
    return process, ours


def _said(_: object, stream: str, line: str) -> None:
    write_to(stream, f"{line}\n")
