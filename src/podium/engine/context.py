"""What every part of an engine needs and none of them owns: clock, loop, store, committer, options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..env import Env
from ..errors import EngineStopped
from ..executors.protocol import Reactor
from ..functions import Function
from ..options import Options, Others
from ..store import Store
from .committer import Committer
from .events import EventFeed
from .lane import Lane
from .queue_notes import QueueNotes


class Lifecycle:
    """Whether the engine still works. `stopping` comes before a clean end, `failure` instead of one."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self.stopping = False
        self.paused = False  # takes nothing new
        # Runs of this process that were asked to stop, and have not ended: they are brought to their end
        # before the engine stops, which nobody else would do.
        self.asked: set[str] = set()
        self.failure: BaseException | None = None
        self._on_failure = on_failure

    @property
    def is_open(self) -> bool:
        """Whether new work may be begun."""
        return not self.stopping and self.failure is None

    def holds(self, run: str) -> bool:
        """Whether a run begins nothing more, because the engine stops."""
        return self.stopping and run not in self.asked

    def end(self) -> None:
        """The engine's thread ends: what is asked of it from now on is refused."""
        self.failure = self.failure or EngineStopped("the engine is closed")

    def fail(self, error: BaseException) -> None:
        """The store cannot be trusted any more, or this engine was condemned: stop acting at once."""
        if self.failure is None:
            self.failure = error
            self._on_failure(error)


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to each part of one engine; the parts are composed in `engine.py` and know only this."""

    engine: str  # its id: fresh per boot
    env: Env
    reactor: Reactor
    store: Store
    committer: Committer
    reader: Lane  # for what is only looked at: no commit waits for it
    functions: Mapping[str, Function]
    options: Options
    events: EventFeed
    lifecycle: Lifecycle
    others: Others
    project_of: Callable[[Function], str]  # that its runs belong to in this store; "": to none
    queue_notes: QueueNotes = field(default_factory=QueueNotes)
