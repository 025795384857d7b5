"""What an attempt in a process of its own emits and publishes. In the pool's thread."""

from __future__ import annotations

from collections.abc import Callable

from .attempt import Attempt
from .child_link import ChildLink
from .wire import EMITTED_MAX, Room

InPool = Callable[..., None]  # (act, *args), called in any thread: has it done in the pool's


class Emissions:
    """Of one attempt, whose process is told when there is room for more."""

    def __init__(self, attempt: Attempt, link: ChildLink) -> None:
        self._attempt, self._link = attempt, link
        self._bytes = 0  # since it was told that there is room
        self.is_over = False

    def heard(self, name: str, payload: bytes, is_value: bool, in_pool: InPool) -> None:
        """Take a chunk or a value."""
        attempt, streams = self._attempt, self._attempt.services.streams
        if streams is None:
            return
        if is_value:
            streams.publish(attempt, name, payload)
            return
        room = streams.emit(attempt, name, payload)
        self._bytes += len(payload)
        if self._bytes > EMITTED_MAX // 2:
            told, self._bytes = self._bytes, 0
            if room is None:
                self._link.send(Room(told))
            else:
                room.add_done_callback(lambda _: in_pool(self._has_room, told))

    def _has_room(self, told: int) -> None:
        """The engine has taken what was there."""
        if not self.is_over:  # its process may have another attempt by now
            self._link.send(Room(told))
