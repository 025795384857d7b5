"""What one attempt says, as lines, with caps: kept here until the engine takes it into a Write.

Any thread may speak, the engine's takes. Each buffer has a lock of its own, so that tasks never wait for
each other; what is over a cap is counted and let go, which costs neither memory nor disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from logging import WARNING

import msgspec

from ..model import LogLine
from ..redaction import masked

LEVEL_MAX = 1_000_000  # logging takes any integer, a store does not


class Caps(msgspec.Struct, frozen=True):
    """How much of what one attempt says is kept."""

    lines: int
    bytes: int  # in UTF-8, all lines together
    line: int  # characters of one line


class LogBuffer:
    """The lines of one attempt at one step. `step` is "" for a workflow's body."""

    def __init__(self, step: str, attempt: int, caps: Caps, now: Callable[[], float]) -> None:
        self._step, self._attempt, self._caps, self._now = step, attempt, caps, now
        # Entered twice by one thread where the collector, of all moments, runs a finalizer that prints.
        self._lock = threading.RLock()
        self._lines: list[LogLine] = []  # not taken yet
        self._lines_left, self._bytes_left = caps.lines, caps.bytes
        self._begun: dict[int, str] = {}  # by level: a line whose end has not come, at most a cap long
        self._cut: dict[int, int] = {}  # by level: characters of that line which are over the cap
        self._lost_lines = self._lost_chars = 0
        self._is_full = self._has_warned = self._is_closed = False

    def line(self, level: int, text: Callable[[], str]) -> None:
        """Keep one line or record; `text` is asked only if there is room."""
        level = max(-LEVEL_MAX, min(level, LEVEL_MAX))
        said = "" if self._is_full else text()  # somebody's code, so not under the lock
        cap = self._caps.line
        with self._lock:
            if not self._is_closed:
                self._keep(level, said[:cap], len(said) - cap)

    def write(self, level: int, text: str) -> None:
        """Keep a piece of a stream. A line ends at its newline; what a carriage return overwrites is let go,
        so that a progress bar is one line."""
        with self._lock:
            if self._is_closed:
                return
            start = 0
            while not self._is_full and (end := text.find("\n", start)) >= 0:
                self._extend(level, text, start, end)
                self._end_line(level)
                start = end + 1
            if self._is_full:
                self._lost_lines += text.count("\n", start)
                self._lost_chars += len(text) - start
            elif start < len(text):
                self._extend(level, text, start, len(text))

    def take(self, last: bool = False) -> list[LogLine]:
        """The lines since the last call. `last`: the attempt is over, what it still says is not kept."""
        with self._lock:
            if self._is_closed:
                return []
            if last:
                self._is_closed = True
                for level in list(self._begun):
                    self._end_line(level)
            if self._is_full and (last or not self._has_warned):
                self._warn(last)
            lines, self._lines = self._lines, []
            return lines

    # -- all below under the lock -----------------------------------------------------------------------

    def _extend(self, level: int, text: str, start: int, end: int) -> None:
        """Add text[start:end], which has no newline, to the line begun; large pieces are not copied."""
        if start == end:
            return
        begun, cut = self._begun.get(level, ""), self._cut.get(level, 0)
        if not begun and end - start <= self._caps.line and text.find("\r", start, end) < 0:
            self._begun[level] = text[start:end]  # as nearly always
            return
        stop = end
        while stop > start and text[stop - 1] == "\r":  # it overwrites nothing until something follows
            stop -= 1
        over = text.rfind("\r", start, stop)
        if over >= 0 or (begun.endswith("\r") and stop > start):
            begun, cut, start = "", 0, max(start, over + 1)
        kept = min(stop - start, max(0, self._caps.line - len(begun)))
        begun += text[start : start + kept]
        if stop < end and not begun.endswith("\r"):
            begun += "\r"
        self._begun[level], self._cut[level] = begun, cut + stop - start - kept

    def _end_line(self, level: int) -> None:
        self._keep(level, self._begun.pop(level, "").rstrip("\r"), self._cut.pop(level, 0))

    def _keep(self, level: int, text: str, cut: int) -> None:
        text = masked(text)
        if not text.isascii():
            # Lone surrogates are no text that a store can hold.
            text = text.encode("utf-8", "backslashreplace").decode()
        if cut > 0:
            text += f" … ({cut:,} more characters)"
        size = len(text) if text.isascii() else len(text.encode())
        if self._is_full or self._lines_left < 1 or size > self._bytes_left:
            self._is_full = True
            self._lost_lines += 1
            self._lost_chars += len(text) + max(cut, 0)
            return
        self._lines_left -= 1
        self._bytes_left -= size
        self._lines.append(LogLine(self._step, self._attempt, self._now(), level, text))

    def _warn(self, last: bool) -> None:
        """One line that says what is missing: how much once that is known, before that only that it is so."""
        caps = f"log_lines={self._caps.lines:,}, log_bytes={self._caps.bytes:,}"
        text = f"… the caps of an attempt are reached ({caps}): what it says from here on is not kept"
        if last:
            size = f" ({self._lost_chars:,} characters)" if self._lost_chars else ""
            text = f"… {self._lost_lines:,} more lines{size} were not kept ({caps})"
        self._has_warned = True
        self._lines.append(LogLine(self._step, self._attempt, self._now(), WARNING, text))
