"""What every part of an engine needs and none of them owns: clock, loop, store, committer, options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from ..env import Env
from ..errors import EngineStopped, UsageError
from ..executors import Ended
from ..executors.protocol import Reactor
from ..functions import Function
from ..options import Options, Others
from ..store import Store
from .committer import Committer
from .events import EventFeed
from .lane import Lane
from .queue_notes import QueueNotes

_HERE = frozenset({"loop", "threads"})  # executors whose bodies a signal to this process may hit
_LEAST_SECONDS = 1.0  # after the signal, where tasks have no grace


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


class Interruption:
    """Whether a failure may be the doing of a signal that ends this process, and not the task's own.

    A terminal sends Ctrl-C to the whole process group, and so does systemd: the subprocess that a task waits
    for is gone by it, and what the task makes of that says nothing of the task. On record it would be its
    outcome. Engine thread only. `heard`: how many signals that end a process have come to this one by now.
    """

    def __init__(self, env: Env, lifecycle: Lifecycle, grace: float) -> None:
        self._env, self._lifecycle = env, lifecycle
        self._seconds = max(grace, _LEAST_SECONDS)  # a process that goes on all the same has failures again
        self._heard: Callable[[], int] = _nothing
        self._count, self._until = 0, 0.0

    def hears(self, heard: Callable[[], int]) -> None:
        """Go by this from now on."""
        self._heard, self._count = heard, heard()

    def look(self) -> None:
        """See whether one has come. Now and then, so that it is known about when."""
        count = self._heard()
        if count != self._count:
            self._count, self._until = count, self._env.monotonic() + self._seconds

    def judged(self, ended: Ended) -> Ended:
        """An attempt that has failed: lost where the signal may have done that.

        Not one with an effect, of which a person or the other side says what it did.
        """
        function = ended.attempt.function
        if ended.lost or function.is_effect or function.executor not in _HERE:
            return ended
        if isinstance(ended.error, UsageError):  # lost it would park its run, see `OwnedRun.ended`
            return ended
        self.look()
        left = self._until - self._env.monotonic()  # not before: the process is about to end
        if self._until and (self._lifecycle.stopping or left > 0.0):
            return replace(ended, lost=True, pause=max(left, ended.pause))
        return ended


def _nothing() -> int:
    return 0


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
