"""What a child process says and prints, and what is said to it: its socket and pipes in the pool's selector.

Everything here happens in the pool's thread, and nothing waits.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence

from .attempt import Attempt
from .output import OutputPipe
from .wire import Channel, Do, Frame, Hello, Load, Room

FRAMES_MAX = 64  # heard at once
READS_MAX = 20  # of a pipe, for what is in it: 16 are the most that the system lets be there

_File = int | Channel | OutputPipe


class ChildLink:
    """`heard` gets each frame; `hung_up` is called when no more will come, `broken` when one is none."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        channel: Channel,
        pipes: Sequence[OutputPipe],
        heard: Callable[[Frame], None],
        hung_up: Callable[[], None],
        broken: Callable[[Exception], None],
    ) -> None:
        self._selector, self._channel, self._pipes = selector, channel, pipes
        self._heard, self._hung_up, self._broken = heard, hung_up, broken
        self._is_writing = False  # what the socket would not take waits
        self.has_more = False  # to hear, though its socket may have no news
        self.follow(channel, self._on_channel)
        for pipe in pipes:
            self.follow(pipe, self._on_output, pipe)

    # -- the selector ---------------------------------------------------------------------------------

    def follow(self, file: _File, act: Callable[..., None], *args: OutputPipe) -> None:
        """Have `act` called whenever the file is readable."""
        self._selector.register(file, selectors.EVENT_READ, lambda: self._safely(file, act, *args))

    def unfollow(self, file: _File) -> None:
        """No more; it may be so already."""
        try:
            self._selector.unregister(file)
        except KeyError:
            pass

    def _safely(self, file: _File, act: Callable[..., None], *args: OutputPipe) -> None:
        try:
            act(*args)
        except Exception as error:  # what it says makes no sense: that is its end, and not the pool's
            self.unfollow(file)
            self.has_more = False
            self._broken(error)

    # -- the socket -----------------------------------------------------------------------------------

    def send(self, message: Hello | Load | Do | Room, payload: bytes = b"") -> None:
        """Say something, as soon as it is taken."""
        try:
            if not self._channel.send(message, payload):
                self._write_later(True)
        except OSError:
            pass  # it has died; that is noticed by itself

    def _write_later(self, later: bool) -> None:
        self._is_writing = later
        key = self._selector.get_key(self._channel)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if later else 0)
        self._selector.modify(self._channel, events, key.data)

    def _on_channel(self) -> None:
        try:
            if self._is_writing and self._channel.flush():
                self._write_later(False)
        except OSError:
            pass
        self._hear()
        if self._channel.gone:
            self.unfollow(self._channel)
            self._hung_up()

    def hear_more(self) -> None:
        """What it has said already, and was not heard for want of time."""
        self._safely(self._channel, self._hear)

    def hear_rest(self) -> None:
        """All that it has said before it died."""
        while (frame := self._channel.receive()) is not None:
            self._heard(frame)

    def _hear(self) -> None:
        """Take what it says, so much at once that others get their turn beside one that never stops."""
        heard = 0
        while heard < FRAMES_MAX and (frame := self._channel.receive()) is not None:
            self._heard(frame)
            heard += 1
        self.has_more = heard == FRAMES_MAX

    def hang_up(self) -> None:
        """Say no more; what it still says is heard."""
        self._channel.hang_up()

    # -- the pipes ------------------------------------------------------------------------------------

    def _on_output(self, pipe: OutputPipe) -> None:
        if pipe.read() is False:
            self.unfollow(pipe)

    def begin(self, attempt: Attempt) -> None:
        """What is printed from now on is of this attempt."""
        for pipe in self._pipes:
            pipe.begin(attempt)

    def end_output(self) -> None:
        """All it said is in the pipes by now. What it has started may go on talking, so not for ever."""
        for pipe in self._pipes:
            reads = 0
            while reads < READS_MAX and pipe.read():
                reads += 1
            pipe.end()

    @property
    def last_words(self) -> str:
        """The end of what its last attempt wrote to stderr."""
        return self._pipes[-1].last

    # -- the end --------------------------------------------------------------------------------------

    def leave(self) -> None:
        """It is dead: nothing more is to be heard."""
        for file in (self._channel, *self._pipes):
            self.unfollow(file)

    def close(self) -> None:
        """Close what is open here."""
        self._channel.close()
        for pipe in self._pipes:
            pipe.close()
