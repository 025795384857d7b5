"""The view redrawn in place. The only module that knows Rich; loaded when there is a terminal to draw on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, Group
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.text import Text

from ..executors import capture
from .drawing import frame
from .terminal import has_colour, plain
from .view import View


class LiveSurface:
    """Draws on stderr; what the user's code prints scrolls above."""

    def __init__(self) -> None:
        capture.begin()  # so that the tees stay although the engine is closed while we draw
        tees = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, capture.Tee)]
        self._streams = [(tee, tee.stream) for tee in tees]  # the real ones
        self._stream = self._streams[-1][1]
        no_colour = not has_colour(self._stream)
        self._console = Console(file=self._stream, no_color=no_colour, highlight=False, soft_wrap=False)
        self._live = Live(
            console=self._console,
            auto_refresh=False,  # drawn when we say so, at most ten times a second
            redirect_stdout=False,  # we do that ourselves
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        # Beneath the tees: what is kept of a print is without the frame that Rich draws along with it, and
        # whoever took sys.stderr earlier, such as the handlers of logging, holds a tee.
        for tee, stream in self._streams:
            if stream.isatty():  # output into a file stays there
                tee.stream = FileProxy(self._console, stream)

    def update(self, view: View, now: float) -> None:
        """Redraw."""
        lines = frame(view, now, self._console.height)
        self._live.update(Group(*map(self._text, lines)), refresh=True)
        view.news.clear()

    def close(self, view: View, now: float) -> None:
        """The last frame stays, without the line on what Ctrl-C does."""
        lines = frame(view, now, max(self._console.height, 40))[:-1]
        self._live.update(Group(*map(self._text, lines)), refresh=True)
        for tee, stream in self._streams:
            tee.flush()
            tee.stream = stream
        self._live.stop()
        capture.end()

    def restore(self) -> None:
        """The cursor, for leaving at once."""
        os.write(2, b"\x1b[?25h\n")

    def _text(self, line: str) -> Text:
        return _text(line, self._stream)


class Redrawn:
    """Lines of a stream, redrawn in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        console = Console(file=stream, no_color=not has_colour(stream), highlight=False, soft_wrap=False)
        # Drawn when it is said. Nothing else is printed meanwhile.
        self._live = Live(
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="ellipsis",
        )
        self._live.start()

    def show(self, lines: Sequence[str]) -> None:
        """These in the place of what is there."""
        self._live.update(Group(*(_text(line, self._stream) for line in lines)), refresh=True)

    def close(self) -> None:
        """What is there stays."""
        self._live.stop()


def _text(line: str, stream: TextIO) -> Text:
    text = Text.from_ansi(plain(line, stream))
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
