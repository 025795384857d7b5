"""A child process as its pool sees it: what it makes, how long that may take, and why it is to end.

Everything here happens in the pool's thread, and nothing waits.
"""

from __future__ import annotations

import logging
import selectors
import sys
from collections.abc import Callable

from ..depot import Depot
from ..env import Env
from .attempt import Attempt
from .child_link import ChildLink
from .child_process import ChildProcess
from .emissions import Emissions
from .encoded import order
from .memory import Growth
from .output import OutputPipe, Said
from .wire import Frame, Hello

log = logging.getLogger("podium")

STOP_SECONDS = 1.0  # from SIGINT, or the hang-up of one that is idle, to SIGKILL
START_SECONDS = 60.0  # for the interpreter to start, and again for a task's module to be imported
BROKEN = "broke the link"
TASKS_MAX = 200  # after which a child is replaced


class Child:
    """One process. `attempt` is what it makes now; `stop_reason` says why it is about to die, if it is."""

    def __init__(
        self,
        env: Env,
        selector: selectors.BaseSelector,
        store: str,
        depot: Depot,
        heard: Callable[[Child, Frame], None],
        said: Said,
    ) -> None:
        """Start it. `heard` gets what it says, `said` what it prints. Raises OSError."""
        self._now, self._store, self._depot, self._heard = env.monotonic, store, depot, heard
        self.process = process = ChildProcess(env.new_id())
        pipes = [OutputPipe(pipe, stream, said) for pipe, stream in process.outputs]
        self.link = ChildLink(
            selector, process.channel, pipes, self._on_frame, self._on_hang_up, self._on_nonsense
        )
        if process.pidfd is not None:
            self.link.follow(process.pidfd, self._died)
        self.attempt: Attempt | None = None
        self.emissions: Emissions | None = None  # of its attempt
        self.started_run = False  # whether its attempt has
        self._waits = 0  # places in which the body waits for runs
        self.ready = False
        self.dead = False  # seen to be, and not buried yet
        self.stop_reason = ""
        self.due: float | None = self._now() + START_SECONDS  # when what it does now has taken too long
        self.idle_since = 0.0
        self._kill_due: float | None = None
        self._loaded: set[str] = set()  # functions whose module is there
        self._served: set[str] = set()  # functions that it has run before
        self.tasks = 0  # attempts that it has made
        self._growth = Growth(process.pid)

    def knows(self, attempt: Attempt) -> bool:
        """Whether the module of the attempt's task is there: it has begun that before."""
        return attempt.function.name in self._loaded

    @property
    def has_slot(self) -> bool:
        """Whether its attempt counts among those at work: one that waits for runs has lent its slot."""
        return self.attempt is not None and not self._waits

    def waits(self, runs: tuple[str, ...], begins: bool) -> None:
        """The body begins to wait for these runs, or does no more."""
        self._waits += 1 if begins else -1
        if self.attempt is not None and self.attempt.services.awaits is not None:
            self.attempt.services.awaits(self.attempt, runs, begins)

    @property
    def is_free(self) -> bool:
        return self.ready and self.attempt is None and not self.stop_reason

    # -- what it makes --------------------------------------------------------------------------------

    def greet(self) -> None:
        """It listens: tell it where modules are."""
        self.ready, self.due, self.idle_since = True, None, self._now()
        level, depot = logging.getLogger().level, str(self._depot.folder)
        self.link.send(Hello(self._store, [*map(str, sys.path)], sys.argv, level, depot))

    def give(self, attempt: Attempt) -> None:
        """Make this attempt. Its timeout counts from when its module is there."""
        self.attempt, self.emissions = attempt, Emissions(attempt, self.link)
        self.link.begin(attempt)
        is_known = self.knows(attempt)
        if is_known:
            self.began()
        else:
            self.due = self._now() + START_SECONDS
        self.link.send(order(attempt, is_known), attempt.args)

    def began(self) -> None:
        """The body begins now."""
        if self.attempt is not None and not self.stop_reason:
            function = self.attempt.function
            self.attempt.handle, self.attempt.has_begun = self, True
            self._loaded.add(function.name)
            self.due = None if function.timeout is None else self._now() + function.timeout

    def ended(self) -> None:
        """The attempt is over. A child that has served long, or keeps much memory, leaves."""
        self.link.end_output()
        is_first = self.attempt is not None and self.attempt.function.name not in self._served
        if self.emissions is not None:
            self.emissions.is_over = True
        if self.attempt is not None:
            self._served.add(self.attempt.function.name)
            self.attempt.handle = None
        self.attempt = self.emissions = self.due = None
        self._waits = 0
        self.started_run = False
        self.idle_since = self._now()
        self.tasks += 1
        if self.tasks >= TASKS_MAX or self._growth.is_much(is_first, self.idle_since):
            self.retire()

    # -- what its link tells --------------------------------------------------------------------------

    def _on_frame(self, frame: Frame) -> None:
        self._heard(self, frame)

    def _on_nonsense(self, error: Exception) -> None:
        log.error("process %d of a task says what makes no sense", self.process.pid, exc_info=error)
        self.kill(BROKEN)
        self.dead = self.dead or self.process.pidfd is None  # or nobody will tell

    def _on_hang_up(self) -> None:
        if self.process.pidfd is None:
            self.dead = True
        elif self._kill_due is None:
            # About to die, or its task has closed all descriptors, as demons do: no use any more.
            self._kill_due = self._now() + STOP_SECONDS

    def _died(self) -> None:
        self.dead = True
        if self.process.pidfd is not None:
            self.link.unfollow(self.process.pidfd)
        if self.stop_reason != BROKEN:
            self.link.hear_rest()  # it may have ended its task before

    # -- its end --------------------------------------------------------------------------------------

    def stop(self, why: str) -> None:
        """Interrupt the task: it may clean up, for a moment. SIGKILL takes what has not ended by then."""
        if not self.stop_reason:
            self.stop_reason, self.due = why, None
            self._kill_due = self._now() + STOP_SECONDS
            self.process.interrupt()

    def retire(self) -> None:
        """Let an idle child leave."""
        if not self.stop_reason:
            self.stop_reason = "retired"
            self._kill_due = self._now() + STOP_SECONDS
            self.link.hang_up()

    def kill(self, why: str) -> None:
        """At once, with all that it has started."""
        self.stop_reason = self.stop_reason or why
        self._kill_due = self.due = None
        if not self.dead:
            self.process.kill_descendants()
        self.process.kill()

    def tick(self, now: float) -> None:
        """Once in a while: is its time up?"""
        if self._kill_due is not None and now >= self._kill_due:
            self.kill(BROKEN)

    @property
    def next_due(self) -> float | None:
        """When `tick`, or the pool, has something to do about it."""
        return min((d for d in (self.due, self._kill_due) if d is not None), default=None)

    def bury(self) -> int:
        """It is dead: take along what it started, and give its exit code (negative: the signal)."""
        self.process.kill()
        code = self.process.wait()
        self.link.end_output()
        self.link.leave()
        self.close()
        return code

    def close(self) -> None:
        """Close what is open here. In a forked process of ours this does nothing to the child."""
        self.link.close()
        self.process.close()
