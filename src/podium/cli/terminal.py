"""What is written, and how: data to stdout, talk to stderr, colour and signs where they can be shown.

Nothing that was stored, and nothing that a user's exception says, reaches a terminal unescaped: text could
otherwise move the cursor, rewrite what stands above it, or worse. `safe` and `safe_lines` are the gate.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from typing import Any, TextIO

import click

from .. import changes
from .exit_codes import FAILED, FINE

_SIGNS = "✔✖●◌◍⏸⊘·…├└─│━╸→✉\N{MULTIPLICATION SIGN}"
_ERROR_MAX = 2000  # characters of a line of an error
_ASCII = str.maketrans(_SIGNS, "+x*o~!--.|`-|=->@x")


# What a terminal acts upon, our own colours excepted.
_ACTED_UPON = re.compile(r"\x1b(?!\[[\d;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")


def _put(name: str, stream: TextIO) -> None:
    setattr(sys, name, stream)


_STREAMS = changes.declare(
    "sys.stdin, sys.stdout, sys.stderr",
    when=f"{changes.COMMAND} where the shell has closed one of them",
    why="the next file to be opened, the store's perhaps, would get its number",
    until=changes.NEVER,
    install=_put,
)


def _escape() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


_ENCODING = changes.declare(
    "sys.stdout, sys.stderr: no encoding errors",
    when=changes.COMMAND,
    why="what the terminal cannot show is escaped instead of ending the command",
    until=changes.NEVER,
    install=_escape,
)


def prepare() -> None:
    """What cannot be encoded is escaped instead of raising; closed standard streams are there again."""
    # One that the shell has closed would be None, and the next file to be opened, the store's perhaps, would
    # get its number. Nobody can answer or read talk, but data that goes nowhere is an error: so the stand-in
    # of stdout is open for reading.
    for number, name, flags in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_RDONLY),
        (2, "stderr", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            _STREAMS.install(name, _stand_in(number, flags))
    _ENCODING.install()


def _stand_in(number: int, flags: int) -> TextIO:
    null = os.open(os.devnull, flags)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    return open(number, "w" if number else "r", encoding="utf-8", closefd=False)


def safe(text: str) -> str:
    """On one line, without anything that a terminal would act upon."""
    return "".join(char if char.isprintable() else " " if char in "\n\t" else "?" for char in text)


def safe_lines(text: str) -> str:
    """The same, keeping line ends and tabs."""
    return "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)


def is_tty(stream: TextIO) -> bool:
    """Whether a person reads along; a task may have closed the stream meanwhile."""
    return not stream.closed and stream.isatty()


def has_colour(stream: TextIO) -> bool:
    """Whether to colour what goes there."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_tty(stream) and os.environ.get("TERM") != "dumb"


def is_live(stream: TextIO | None = None) -> bool:
    """Whether a view may be redrawn in place there; None: on stderr."""
    return is_tty(stream or sys.stderr) and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def width(stream: TextIO) -> int | None:
    """Columns of a terminal; None where lines may be as long as they are."""
    return shutil.get_terminal_size().columns if is_tty(stream) else None


def plain(text: str, stream: TextIO) -> str:
    """With signs that the stream's encoding has."""
    try:
        _SIGNS.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return text.translate(_ASCII)
    return text


def say(text: str) -> None:
    """Data: one or more lines to stdout."""
    _write(text, sys.stdout)


def tell(text: str) -> None:
    """Talk: one or more lines to stderr."""
    _write(text, sys.stderr)


def _write(text: str, stream: TextIO) -> None:
    try:
        # The last gate, should a text have come by none of the others.
        click.echo(plain(_ACTED_UPON.sub("?", text), stream), file=stream, color=has_colour(stream))
    except (OSError, ValueError) as error:
        give_up(stream, error)


def flush() -> None:
    """At the end, where what cannot be written must not cause a traceback of the interpreter's own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            give_up(stream, error)


def give_up(stream: TextIO, error: OSError | ValueError) -> None:
    """What was to be written there cannot be. The run is not concerned: it is on record, or goes on."""
    if isinstance(error, ValueError) and not stream.closed:
        raise error  # about the text
    if not stream.closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # what is left in its buffer goes there
    if isinstance(error, BrokenPipeError):
        raise SystemExit(FINE)  # whoever read this has seen enough
    if stream is sys.stdout:
        why = error.strerror if isinstance(error, OSError) and error.errno != errno.EBADF else "it is closed"
        tell(f"podium: stdout cannot be written: {why}")
        raise SystemExit(FAILED)


def error(code: str, what: str, *details: str) -> None:
    """`error[Ennn]: what`, then where, why and the fix, a line each."""
    first, *rest = what.splitlines() or [""]
    tell(f"{click.style(f'error[{code}]', fg='red', bold=True)}: {_bounded(first)}")
    for line in (*rest, *(line for detail in details for line in detail.splitlines())):
        if line.strip():
            tell(f"  {_bounded(line.strip())}")


def _bounded(line: str) -> str:
    """What was typed wrong is quoted, and may be of any length."""
    return safe(line) if len(line) <= _ERROR_MAX else f"{safe(line[:_ERROR_MAX])}…"
