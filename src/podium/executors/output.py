"""What a task in a process of its own prints: lines, within bounds, as they come.

A task may print a gigabyte, and whoever reads our own output may stand still. Neither may hold up the pool,
fill memory or keep the task from its end, so what is above the bounds is left out, and a line says so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from ..env import Env
from ..errors import ResourceShortage
from .attempt import Attempt

log = logging.getLogger("podium")

Said = Callable[[Attempt | None, str, str], None]  # (attempt, "stdout" or "stderr", a line without its end)

OUTPUT_MAX = 8 * 1024 * 1024  # bytes of an attempt on each stream that are passed on
LINE_MAX = 64 * 1024  # bytes; a longer line is cut into such pieces
WAITING_MAX = 2 * OUTPUT_MAX  # characters that wait for a terminal, or a pipe, that does not take them
TAIL_BYTES = 16 * 1024  # kept for the story of a crash
READ_BYTES = 64 * 1024


class OutputPipe:
    """The parent's end of a child's stdout or stderr."""

    def __init__(self, pipe: IO[bytes], stream: str, said: Said, keep: int = 0) -> None:
        """`keep`: how many bytes of it, the first ones, are to be kept in `kept`."""
        os.set_blocking(pipe.fileno(), False)
        self.kept, self._keep = bytearray(), keep
        self._pipe, self._stream, self._said = pipe, stream, said
        self._attempt: Attempt | None = None
        self._begun = b""  # a line that has no end yet
        self.bytes = 0  # of this attempt
        self._tail = b""

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self) -> bool | None:
        """Take what is there, up to a bound; None when nothing is, False when nothing will come any more."""
        try:
            data = os.read(self._pipe.fileno(), READ_BYTES)
        except BlockingIOError:
            return None
        if not data:
            return False
        self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
        self.kept += data[: max(0, self._keep - len(self.kept))]
        room = OUTPUT_MAX - self.bytes
        self.bytes += len(data)
        if room > 0:
            self._pass_on(self._begun + data[:room])
        return True

    def _pass_on(self, data: bytes) -> None:
        *lines, self._begun = data.split(b"\n")
        for line in lines:
            self._say(line)
        while len(self._begun) > LINE_MAX:
            self._say(self._begun[:LINE_MAX])
            self._begun = self._begun[LINE_MAX:]

    def _say(self, line: bytes) -> None:
        self._said(self._attempt, self._stream, line.decode("utf-8", "backslashreplace"))

    def begin(self, attempt: Attempt) -> None:
        """What comes now is said by this attempt."""
        self._attempt, self.bytes, self._tail = attempt, 0, b""

    def end(self) -> None:
        """The attempt has ended, and all it said is read."""
        if self._begun:
            self._say(self._begun)
            self._begun = b""
        if self.bytes > OUTPUT_MAX:
            size = f"{self.bytes / 2**20:,.0f} MiB to {self._stream}"
            left_out = f"podium: it wrote {size}; all but the first {OUTPUT_MAX // 2**20} MiB is left out"
            self._say(left_out.encode())
        self._attempt, self.bytes = None, 0

    @property
    def last(self) -> str:
        """The end of what the attempt said."""
        return self._tail.decode("utf-8", "backslashreplace")

    def close(self) -> None:
        """Let go of the pipe."""
        self._pipe.close()


class Console:
    """Passes on what processes print and log, to our own streams and loggers, in a thread of its own."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._changed = threading.Condition()
        self._line: deque[tuple[int, str, str | logging.LogRecord]] = deque()
        self._waiting = self._left_out = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def say(self, stream: str, text: str) -> None:
        """Write the line soon, or count it as left out. Never waits."""
        self._put(len(text), stream, text)

    def log(self, record: logging.LogRecord) -> None:
        """Hand the record to its logger soon, as if it had been logged here. Never waits."""
        self._put(len(record.msg) + len(record.exc_text or ""), "", record)

    def _put(self, size: int, stream: str, what: str | logging.LogRecord) -> None:
        with self._changed:
            if self._waiting > WAITING_MAX or self._closed:
                self._left_out += 1
                return
            self._waiting += size + 1
            self._line.append((size + 1, stream, what))
            if self._thread is None:
                with contextlib.suppress(ResourceShortage):  # the next line tries again
                    self._thread = self._env.spawn(self._serve, name="podium-output")
            self._changed.notify()

    def close(self) -> None:
        """Pass on what waits, for a moment."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(1.0)

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._line and not self._closed:
                    self._changed.wait()
                if not self._line:
                    return
                line, self._line = self._line, deque()
                left_out, self._left_out = self._left_out, 0
            for stream in ("stdout", "stderr"):
                text = "".join([f"{what}\n" for _, to, what in line if to == stream])
                if text:
                    write_to(stream, text)
            for _, _, what in line:
                if isinstance(what, logging.LogRecord):
                    _log(what)
            if left_out:
                write_to("stderr", f"podium: {left_out:,} lines of tasks were left out: nobody took them\n")
            with self._changed:
                self._waiting -= sum(size for size, _, _ in line)


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    try:
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)
    except Exception:  # a handler of the user's
        log.exception("a log record of a task could not be handled")


def write_to(stream: str, text: str) -> None:
    """Write to our own stdout or stderr; what cannot be written is let go."""
    file = getattr(sys, stream)
    try:
        try:
            file.write(text)
        except UnicodeEncodeError:
            encoding = file.encoding or "ascii"
            file.write(text.encode(encoding, "backslashreplace").decode(encoding))
        file.flush()
    except (OSError, ValueError, AttributeError):
        pass  # closed, or there is none
