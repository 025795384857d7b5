"""The runs that one engine has in memory: how they come in, what reaches them, how they leave."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from .. import late
from ..errors import ResourceShortage, StoreError, UsageError
from ..executors import Ended
from ..model import Entry, Fence, Head, Message, Move, Outcome, State, Verdict, Write
from ..shortage import shortage_of
from .alerts import alerts_of_end
from .calling_off import calling_off
from .context import Context, Interruption
from .dispatch import Dispatcher
from .events import RunAdopted, RunLeft, RunLost
from .gc_pause import gc_paused
from .history_reader import HistoryReader
from .linger import Linger
from .logs import LogCollector
from .machines import machine_of
from .owned import OwnedRun
from .poison_steps import Quarantine
from .reasons import explain, parking
from .recorder import Turn
from .sources import OneWrite
from .streams import StreamCollector

if TYPE_CHECKING:
    from . import parked_notice
else:
    parked_notice = late.module(globals(), ".parked_notice")

log = logging.getLogger("podium")

_LOSING_TOLD = 20  # runs


def _ignore(_: bool) -> None:
    """For those who need not know what came of it."""


class Residents:
    """Brings runs into memory and lets them go. Engine thread only, but for `ended`.

    `on_left` is told of each run that left by a durable move, and what it has sent to those who wait for it,
    `on_told` of what commits of runs that stay, or of clients, have sent;
    `on_awaits` of a run that one here waits for, and whether it may be ours though it is not here.
    """

    def __init__(
        self,
        context: Context,
        owned: dict[str, OwnedRun],
        dispatcher: Dispatcher,
        logs: LogCollector,
        streams: StreamCollector,
        quarantine: Quarantine,
        turn: Turn,
        on_left: Callable[[Head, Move, Sequence[Message]], None],
        on_told: Callable[[Sequence[Message]], None],
        on_awaits: Callable[[str, bool], None],
    ) -> None:
        self._context, self.owned = context, owned
        self._streams = streams
        self._dispatcher, self._logs, self._quarantine, self._turn = dispatcher, logs, quarantine, turn
        self._on_left, self.told, self.awaits = on_left, on_told, on_awaits
        self._reader = HistoryReader(context.store, context.reactor, context.reader)
        self.interruption = Interruption(context.env, context.lifecycle, context.options.grace)
        self._depot = context.store.depot.of_body()
        self._on_log = logs.body  # one for all machines
        self.reserved = 0  # places of runs on their way in: starts being committed, claims being made
        self.must_reconcile = False  # the store may say that runs are ours which are not in memory
        self._lacking = False  # memory, threads or descriptors; said once
        self._losing = False  # attempts, at the last outcome; said once
        self.parked_told: parked_notice.Told = {}
        self._outcomes: deque[Ended] = deque()
        self._draining = False
        self.linger: Linger | None = None  # where tasks have threads

    @property
    def room(self) -> int:
        """How many more runs may come into memory."""
        return max(0, self._context.options.runs_max - len(self.owned) - self.reserved)

    @property
    def is_working(self) -> bool:
        """Whether any attempt runs."""
        return any(owned.attempts.running for owned in self.owned.values())

    def bring_in(self, head: Head, on_record: bool = False, then: Callable[[bool], None] = _ignore) -> None:
        """Replay a run that is ours, then go on with it. `then` is told whether that could be.

        `on_record`: see `poison_bodies`.
        """
        context = self._context
        function = context.functions[head.function]
        if context.lifecycle.failure is not None or context.lifecycle.holds(head.id):
            then(False)  # what a stopping engine owns is handed back when it retires
            return
        try:
            machine = machine_of(head, function)
            machine.on_log = self._on_log
            machine.depot = self._depot
            owned = OwnedRun(context, self, self._dispatcher, self._quarantine, self._turn, head, machine)
        except Exception as error:
            if shortage_of(error) is None:
                context.committer.touch(_parking(context, head, error, self.parked_told, self._on_left))
            else:
                self.must_reconcile = True
            then(False)
            return
        self.owned[head.id] = owned
        if context.events.observers:
            context.events.publish(RunAdopted(head.id, head))
        with gc_paused():
            owned.begin(on_record)
        # An earlier attempt may have said something; or mail lies there, and comes before anything begins.
        if head.entries > head.base or head.token > 1 or head.messages:
            self._reader.read(
                head,
                said=owned.attempts.remember_progress,
                waits=owned.border.remember,
                feed=partial(_replay, owned, then),
                done=lambda error: self._replayed(owned, then, error),
            )
        else:
            self._replayed(owned, then, None)

    def call_off(self, head: Head, cancel: Message, was_at_rest: bool) -> bool:
        """End a run that was asked to stop before its body had its first turn, or as it was parked and had
        nothing to undo; whether that was so."""
        context = self._context
        has_begun = not was_at_rest and (head.token > 1 or head.entries > 0)
        if has_begun or head.id in self.owned or context.lifecycle.failure is not None:
            return False  # an engine that stops does that much: handed back, it would be left to others
        write = calling_off(cancel, head, State.RUNNING, context.env.now())

        def ended(verdict: Verdict) -> None:
            if verdict.outcome is Outcome.DONE and write.move is not None:
                self._on_left(head, write.move, verdict.told)
            else:
                self.must_reconcile = True

        context.committer.touch(OneWrite(write, ended))
        return True

    def _replayed(self, owned: OwnedRun, then: Callable[[bool], None], error: BaseException | None) -> None:
        if error is None:
            owned.go_on()
            self._lacking &= owned.residence.is_gone
        elif isinstance(error, StoreError):
            # Half a replay is no place to go on from: drop it and begin again when the store is back.
            if not owned.residence.is_gone:
                log.warning("run %s: history not readable yet (%s)", owned.head.id, error)
            self.begin_again(owned)
        elif (lack := shortage_of(error)) is not None:
            self.set_back(owned, lack)
        else:
            owned.park(explain(error))
        then(not owned.residence.is_gone)

    def deliver(self, message: Message, alone: bool = False) -> bool:
        """Give a run its message; whether it is in memory. `alone`: see `OwnedRun.deliver`."""
        owned = self.owned.get(message.run)
        if owned is not None:
            owned.deliver(message, alone)
        return owned is not None

    # -- outcomes -------------------------------------------------------------------------------------

    def ended(self, ended: Ended) -> None:
        """An executor's answer. Any thread; ends that come together are drained together."""
        self._outcomes.append(ended)
        if not self._draining:
            self._draining = True
            if self.linger is None or not self.linger.ring():
                self._context.reactor.call_soon_threadsafe(self._work_off)

    def ended_here(self, ended: Ended) -> None:
        """The same from the reactor's own thread, where no wake-up is needed."""
        self._outcomes.append(ended)
        if not self._draining:
            self._draining = True
            self._context.reactor.call_soon(self._work_off)

    def ended_now(self, outcomes: Sequence[Ended]) -> None:
        """Several that have ended, from a plain callback of the reactor: go on with them at once."""
        self._outcomes += outcomes
        self._work_off()

    def _work_off(self) -> None:
        """Go on with what has ended, and with what ends in the next moment."""
        self._draining = False
        self._record()
        if self.linger is not None:
            for _ in self.linger.rounds(self._outcomes):
                self._draining = False
                self._record()

    def _record(self) -> None:
        """Record and feed what has ended, and commit it in the same turn of the loop."""
        committer = self._context.committer
        holds = committer.hold()
        try:
            if len(self._outcomes) > 1:
                with gc_paused():
                    self._hand_on()
            else:
                self._hand_on()
        finally:
            if holds:
                committer.flush()

    def _hand_on(self) -> None:
        outcomes, owned_runs = self._outcomes, self.owned
        while outcomes:
            ended = outcomes.popleft()
            owned = owned_runs.get(ended.attempt.run)
            if ended.lost is not self._losing:
                self._losing = ended.lost
                # What a process leaves that ends is told by its last line; a UsageError parks its run.
                is_told = self._context.lifecycle.stopping or isinstance(ended.error, UsageError)
                if ended.lost and not is_told:
                    log.warning("attempts are lost and begin again: %s", ended.error)
            if ended.error is not None:
                ended = self.interruption.judged(ended)
            if owned is not None:
                if ended.attempt.log is not None:
                    self._logs.ended(ended.attempt)
                if ended.attempt.stream is not None:
                    self._streams.ended(ended.attempt)
                owned.ended(ended)

    # -- what owned runs tell -------------------------------------------------------------------------

    def closing(self, owned: OwnedRun) -> None:
        """The run's last write is about to be made: what was said goes with it."""
        self._logs.closing(owned)

    def left(self, owned: OwnedRun, move: Move, told: Sequence[Message]) -> None:
        """The run's last write is durable: it leaves memory."""
        del self.owned[owned.head.id]
        owned.drop()
        if self._context.events.observers:
            self._context.events.publish(RunLeft(owned.head.id, move))
        if move.state is State.PARKED:
            parked_notice.parks(self.parked_told, owned.head, move)
        self._on_left(owned.head, move, told)

    def lost(self, owned: OwnedRun) -> None:
        """A write was refused: somebody else owns the run now."""
        _warn_lost(owned)
        self.owned.pop(owned.head.id, None)
        owned.drop()
        if self._context.events.observers:
            self._context.events.publish(RunLost(owned.head.id))
        # It may be ours still: an entry that takes a message which is not there is refused as well.
        self.must_reconcile = True

    def begin_again(self, owned: OwnedRun) -> None:
        """Drop a run as a crash would, and replay it with the next look at the store."""
        if not owned.residence.is_gone:
            owned.drop()
            self.owned.pop(owned.head.id, None)
            self.must_reconcile = True

    def set_back(self, owned: OwnedRun, lack: ResourceShortage) -> None:
        """A run could not be driven for want of memory, say: it begins again when there may be more."""
        if not owned.residence.is_gone and not self._lacking:
            self._lacking = True
            log.warning("runs are taken up anew when there is more: %s", lack.message)
        self.begin_again(owned)

    # -- the end --------------------------------------------------------------------------------------

    def hand_back(self, kept: Callable[[Head], bool]) -> None:
        """Give up every run but those that are kept."""
        for owned in list(self.owned.values()):
            if not kept(owned.head):
                owned.hand_back()

    def drop_all(self, condemned: bool = False) -> None:
        """Leave memory at once, without acting. `condemned`: others own them now, as a warning says."""
        for owned in list(self.owned.values()):
            if condemned:
                _warn_lost(owned)
            owned.drop()
        self.owned.clear()


def _replay(owned: OwnedRun, then: Callable[[bool], None], entries: Sequence[Entry]) -> bool:
    with gc_paused():
        goes_on = owned.replay(entries)
    if not goes_on:  # it was parked, handed back or dropped meanwhile
        then(not owned.residence.is_gone)
    return goes_on


def tasks_of(owned_runs: Mapping[str, OwnedRun]) -> int:
    """How many attempts run, or are in line for a slot. Any thread."""
    return sum(len(owned.attempts.running) for owned in list(owned_runs.values()))


def losses_of(owned_runs: Mapping[str, OwnedRun]) -> dict[str, str]:
    """Why attempts come to nothing and begin again, by run; of a few runs. Any thread."""
    told = ((owned.head.id, [*owned.attempts.losses.values()]) for owned in list(owned_runs.values()))
    return dict(islice(((run, losses[-1]) for run, losses in told if losses), _LOSING_TOLD))


def _parking(
    context: Context,
    head: Head,
    error: Exception,
    parked_told: parked_notice.Told,
    on_left: Callable[[Head, Move, Sequence[Message]], None],
) -> OneWrite:
    """A run that cannot even be made from its row is parked, as it would be by an error in driving it."""
    move = parking(explain(error), context.env.now(), head.fingerprint)

    def done(verdict: Verdict) -> None:
        if verdict.outcome is Outcome.DONE:
            parked_notice.parks(parked_told, head, move)
            on_left(head, move, ())

    fence = Fence(head.id, head.token, frozenset({State.RUNNING}))
    return OneWrite(Write(fence, move, new_runs=alerts_of_end(context, head, move)), done)


def _warn_lost(owned: OwnedRun) -> None:
    log.warning(
        "run %s of %s: lost ownership (token %d); what was in flight here is dropped",
        owned.head.id,
        owned.machine.function.label,
        owned.head.token,
    )
