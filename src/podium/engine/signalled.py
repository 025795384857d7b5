"""What of the inboxes need not be read with each look: signals that lie there until a body receives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model import SIGNAL, Message
from .owned import OwnedRun


class Signalled:
    """The runs in memory that have been sent signals which they have not received. Engine thread only.

    Each look collects what is not taken, so that nothing is missed. But ten thousand signals may lie in an
    inbox for hours; read again with each look, and so with each that is sent, they would hold up all runs.
    """

    def __init__(self, owned: Mapping[str, OwnedRun]) -> None:
        self._owned = owned
        self._runs: dict[str, None] = {}  # may have some

    def note(self, messages: Iterable[Message]) -> None:
        """These were found, and handed to their runs."""
        self._runs |= {message.run: None for message in messages if message.kind == SIGNAL}

    def seen(self) -> dict[str, int]:
        """By run up to which number all that lies in its inbox is known to it."""
        known = {run: self._owned[run].inbox.passed_over for run in self._runs if run in self._owned}
        seen = {run: n for run, n in known.items() if n}
        self._runs = dict.fromkeys(seen)
        return seen
