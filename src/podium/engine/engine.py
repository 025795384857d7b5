"""The engine: owns runs and drives them. This file composes its parts and ends them; each part is a file.

Everything here happens in one thread, in callbacks of the reactor; nothing waits. Other threads come in
through `host.py`. The engine knows no SQL, no clock and no thread of its own, which is why the simulator
can run it, several of them against one store, on virtual time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ..env import Env
from ..errors import EngineStopped
from ..executors import Attempt
from ..executors.protocol import FileReactor
from ..functions import Function
from ..model import Head, Message, Move, State
from ..options import Options, Others
from ..store import Store
from .awaited import AwaitedRuns
from .calling_off import CallingOff, cancels_of
from .claiming import Claimer
from .clients import ClientPort, stopped_by
from .committer import Committer
from .context import Context, Lifecycle
from .dispatch import Dispatcher
from .events import EventFeed, Observer
from .gc_pause import gc_paused
from .lane import Lane
from .logs import LogCollector
from .owned import OwnedRun
from .ownership import Ownership
from .poison_bodies import Adopter
from .poison_steps import Quarantine
from .reasons import explain
from .residents import Residents
from .streams import StreamCollector
from .upkeep import Upkeep
from .watchdog import TurnWatch
from .watchers import End, Watchers

log = logging.getLogger("podium")

JUMP_SECONDS = 0.5  # between two polls: more than a clock is slewed by
STOP_PAUSE = 0.005  # s between looks at whether the last task has ended


class Engine:
    """Owns and drives runs. All methods belong to the reactor's thread."""

    def __init__(
        self,
        id: str,
        store: Store,
        functions: Mapping[str, Function],
        env: Env,
        reactor: FileReactor,
        writer: Lane,
        reader: Lane,
        ownership: Ownership,
        options: Options,
        observers: list[Observer] | None = None,
        others: Others = "yield",
        project_of: Callable[[Function], str] = lambda _: "",
    ) -> None:
        self.ownership, self.options = ownership, options
        self.lifecycle = Lifecycle(self._failed)
        self.committer = Committer(store, id, env, reactor, writer, self.lifecycle.fail)
        self.events = EventFeed([] if observers is None else observers)
        self._context = context = Context(
            id,
            env,
            reactor,
            store,
            self.committer,
            reader,
            functions,
            options,
            self.events,
            self.lifecycle,
            others,
            project_of,
        )
        self.owned: dict[str, OwnedRun] = {}
        self.turn_watch = TurnWatch(env, options.turn_budget)
        self.logs, streams = LogCollector(context, self.owned), StreamCollector(context, self.owned)
        quarantine = Quarantine(reactor)
        self.dispatcher = Dispatcher(context, self.logs, streams, quarantine, self._awaits, self._park)
        self.residents = Residents(
            context, self.owned, self.dispatcher, self.logs, streams, quarantine, self.turn_watch.run,
            self._left, self._asked_to_stop, self._awaits_run,
        )  # fmt: skip
        self.dispatcher.cache.ended = self.residents.ended_here
        self.watchers = Watchers(self.owned)
        adopter = Adopter(context, self.residents, self.watchers)
        self.awaited = AwaitedRuns(self.owned)
        self.claimer = Claimer(context, self.residents, self.watchers, self.awaited, adopter.adopt)
        self.clients = ClientPort(
            context, self.residents, self.watchers, self.claimer, adopter.adopt, self.condemned
        )
        self._calling_off = CallingOff(context, self._told, self.claimer.look, self.claimer.soon)
        self._upkeep = Upkeep(context)
        self.ticked = env.monotonic()  # last sign of progress, for the heartbeat
        self._ahead = env.now() - env.monotonic()  # of the clock that waits, the wall clock is so far
        self._stopped: Callable[[], None] | None = None

    @property
    def id(self) -> str:
        """Its id in the store: fresh per boot."""
        return self._context.engine

    @property
    def failure(self) -> BaseException | None:
        """Why it stopped acting, if it did."""
        return self.lifecycle.failure

    # -- looking for work -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Start looking for work. The engine's row must be there already."""
        self._poll()

    def _poll(self) -> None:
        self.ticked = self._context.env.monotonic()
        if self.failure is None:
            # First, whatever comes of the rest.
            self._context.reactor.call_later(self.options.poll, self._poll)
            self._look_at_the_clock()
            self.residents.interruption.look()
            self.claimer.soon()
            self.logs.flush()
            self._upkeep.poll()

    def _look_at_the_clock(self) -> None:
        """Timers in memory wait by the monotonic clock, which no jump moves; what they wait for is UTC."""
        env = self._context.env
        ahead, before = env.now() - env.monotonic(), self._ahead
        self._ahead = ahead
        if ahead - before > JUMP_SECONDS:
            with gc_paused():
                for owned in list(self.owned.values()):
                    owned.alarm(jumped=True)

    def _awaits(self, attempt: Attempt, runs: tuple[str, ...], begins: bool) -> None:
        """A task's body begins to wait for runs, or does no more. Any thread."""
        self._context.reactor.call_soon_threadsafe(self.claimer.awaited, attempt, runs, begins)

    def _awaits_run(self, run: str, is_ours: bool) -> None:
        """A run in memory waits for this one."""
        if self._context.others == "leave":
            self.watchers.add(run)  # asked for, as its parent is
        self.residents.must_reconcile |= is_ours
        if run not in self.owned:
            self.claimer.soon()

    def _park(self, attempt: Attempt, error: Exception) -> None:
        """An attempt cannot begin, nor is that its task's outcome."""
        owned = self.owned.get(attempt.run)
        if owned is not None:
            owned.park(explain(error))

    def _left(self, head: Head, move: Move, told: Sequence[Message]) -> None:
        """A run left memory by a durable move: tell those who wait for it, or look for it in time."""
        if move.state is State.WAITING:
            self.claimer.due(move.due)
            if head.parent and self._context.others == "leave":
                self.watchers.add(head.id)  # of a family of ours: who else would go on with it?
        else:
            self.lifecycle.asked.discard(head.id)
            if move.state.is_final:
                self.clients.ended(head)
            self.watchers.ended(head, End(move.state, move.payload))
        self._told(told)
        if head.queue:
            self.claimer.soon()  # its slot is free
        self.claimer.has_room()

    def _told(self, told: Sequence[Message]) -> None:
        """A commit has sent something: who is here takes it, for the others somebody looks."""
        if not told:
            return
        if self._context.others == "leave":  # who else would bring them to their end?
            asked = [message.run for message in cancels_of(told)]
            self.lifecycle.asked.update(run for run in asked if run in self.owned or self.watchers.has(run))
        away = [message for message in told if not self.residents.deliver(message, alone=True)]
        cancels = cancels_of(away)
        self._calling_off.end(cancels)
        if len(cancels) < len(away):
            self.claimer.soon()

    def _asked_to_stop(self, told: Sequence[Message]) -> None:
        """The same of a commit of which others see to the rest."""
        if cancels := cancels_of(told):
            self._told(cancels)

    def heed(self, asked: str) -> None:
        """Do what a person wants of this engine, one of `ASKED`. What runs here goes on in any case; an end
        is the process's own to make."""
        self.lifecycle.paused = bool(asked)
        self.claimer.soon()

    # -- the end --------------------------------------------------------------------------------------

    def stop(self, then: Callable[[], None]) -> None:
        """Claim nothing more, let running tasks end within the grace time, hand the runs back.

        The grace is for runs that were asked for here: nobody here waits for the others, so they go at once.
        Runs that were asked to stop are driven to their end within it, and also taken up for that.
        """
        self.lifecycle.stopping, self._stopped = True, then
        if self._context.others == "yield":
            self.residents.hand_back(kept=self.watchers.wants)
        self._context.reactor.call_later(self.options.grace, self._hand_back_all)
        self.claimer.soon()
        self._try_to_stop()

    def _try_to_stop(self) -> None:
        if self._stopped is None:
            return
        if self.failure is None and (self.residents.is_working or self.lifecycle.asked):
            self._context.reactor.call_later(STOP_PAUSE, self._try_to_stop)
        else:
            self._hand_back_all()

    def _hand_back_all(self) -> None:
        self.lifecycle.asked.clear()
        self.residents.hand_back(kept=lambda _: False)
        if self._stopped is None:
            return
        if self.failure is None and (self.owned or not self.committer.idle):
            self._context.reactor.call_later(STOP_PAUSE, self._hand_back_all)
            return
        then, self._stopped = self._stopped, None
        self.residents.drop_all()
        self.clients.close(EngineStopped("the engine was closed; the run goes on when one is there again"))
        then()

    def condemned(self) -> None:
        """Our row is gone: others took us for dead, and our runs go on with them."""
        self.ownership.condemned = True
        self.lifecycle.fail(EngineStopped("this engine was silent for so long that others took it for dead"))

    def _failed(self, error: BaseException) -> None:
        log.error("engine %s stops: %s", self.id, error)
        self.committer.stopped = True
        self.residents.drop_all(condemned=self.ownership.condemned)
        self.clients.close(stopped_by(error))
