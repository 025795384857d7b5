"""Design bugs, planted: each must be caught by the simulator, or it proves nothing.

Every plant is a context manager that breaks one thing at a seam of the real classes and mends it on exit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec

from podium import codec
from podium.engine import (
    attempts,
    claiming,
    committer,
    driver,
    engine,
    inbox,
    launcher,
    outbox,
    owned,
    ownership,
    sender,
    teller,
)
from podium.errors import StoreFatal, StoreUnavailable
from podium.executors import Attempt
from podium.machine import Step, answering, effects
from podium.model import Entry, Kind, Message, Outcome, Verdict, Write
from podium.store import judge, judge_inbox, judge_waits
from podium.store.sqlite import store
from podium.testing import Setting, World
from tests.sim.worlds import draw_setting

Plant = Callable[[], AbstractContextManager[Any]]


def token_check_dropped() -> AbstractContextManager[Any]:
    """The store takes any write for the newest owner's."""

    def may_write(self: Any, fence: Any, run: Any, write: Write) -> bool:
        return run.state in fence.states

    return patch.object(judge._Judging, "_may_write", may_write)


def refusal_ignored() -> AbstractContextManager[Any]:
    """Nobody looks at the number of affected rows."""
    real = owned.OwnedRun.committed

    def committed(self: Any, write: Write, verdict: Verdict) -> None:
        real(self, write, Verdict(Outcome.DONE) if verdict.outcome is Outcome.REFUSED else verdict)

    return patch.object(owned.OwnedRun, "committed", committed)


def acts_before_the_commit() -> AbstractContextManager[Any]:
    """What an outcome leads to is started at once, not when the outcome is durable."""
    real = owned.OwnedRun._settle

    def settle(self: Any) -> None:
        real(self)
        held, self.outbox.held = self.outbox.held, []
        self._launcher.act([command for command in held if isinstance(command, Step)])
        self.outbox.held.extend(command for command in held if not isinstance(command, Step))

    return patch.object(owned.OwnedRun, "_settle", settle)


def finally_acts_on_eviction() -> AbstractContextManager[Any]:
    """A run that leaves memory is closed with its verbs still working, and what they ask for is done."""
    real = owned.OwnedRun.drop

    def drop(self: Any) -> None:
        machine = self.machine
        gone = self.residence.is_gone
        if not gone and machine.finished is None and self._context.lifecycle.failure is None:
            machine.take()
            machine.loop.entered = True
            machine._root.cancel()
            machine._turn()
            for step in machine.take():
                if isinstance(step, Step):
                    token = self.head.token
                    self._executors.submit(Attempt(self.head.id, step.id, step.function, step.args, 1, token))
        real(self)

    return patch.object(owned.OwnedRun, "drop", drop)


def recovery_only_at_boot() -> AbstractContextManager[Any]:
    """Who is gone is looked for once, when an engine starts: an edge, not a level."""
    real = ownership.Ownership.observe

    def observe(self: Any) -> int:
        if getattr(self, "looked", False):
            return 0
        self.looked = True
        return real(self)

    return patch.object(ownership.Ownership, "observe", observe)


def unknown_taken_for_done() -> AbstractContextManager[Any]:
    """A commit with unknown result is assumed to have happened."""

    def read_back(store: Any, engine: Any, writes: Sequence[Write]) -> list[Verdict]:
        return [
            Verdict(
                Outcome.DONE,
                tuple((Outcome.DONE, new.id) for new in write.new_runs),
                (Outcome.DONE,) * len(write.messages),
            )
            for write in writes
        ]

    return patch.object(committer, "read_back", read_back)


def unknown_taken_for_lost() -> AbstractContextManager[Any]:
    """A commit with unknown result is sent again without a look."""
    return patch.object(committer, "read_back", lambda store, engine, writes: None)


def unknown_forgotten() -> AbstractContextManager[Any]:
    """When the look itself fails, nobody remembers that there was something to look for."""
    real = committer.Committer._failed

    def failed(self: Any, sources: Any, writes: Any, error: BaseException, unknown: bool = False) -> None:
        real(self, sources, writes, error)

    return patch.object(committer.Committer, "_failed", failed)


def beats_by_the_wall_clock() -> AbstractContextManager[Any]:
    """Silence is measured with the clock that people set."""
    real = ownership.Ownership._is_dead

    def is_dead(self: Any, row: Any, looked: float) -> bool:
        env = self._env
        self._env = SimpleNamespace(monotonic=env.now)
        try:
            return real(self, row, env.now())
        finally:
            self._env = env

    return patch.object(ownership.Ownership, "_is_dead", is_dead)


def pause_ages_what_was_seen() -> AbstractContextManager[Any]:
    """The time of a look is taken after it."""
    real = ownership.Ownership._is_dead

    def is_dead(self: Any, row: Any, looked: float) -> bool:
        return real(self, row, self._env.monotonic())

    return patch.object(ownership.Ownership, "_is_dead", is_dead)


def retries_counted_in_memory() -> AbstractContextManager[Any]:
    """How often a step was tried is forgotten with its process."""
    real = driver.Driver.replay

    def replay(self: Any, entries: Iterable[Entry], copied: int) -> None:
        real(self, entries, copied)
        for tries in self._attempts.tries.values():
            tries.policies.clear()

    return patch.object(driver.Driver, "replay", replay)


def inbox_by_watermark() -> AbstractContextManager[Any]:
    """Messages older than the newest one seen count as delivered."""
    real = store.SqliteStore.collect

    def collect(self: Any, engine: str, seen: Any = None) -> list[Message]:
        found = [message for message in real(self, engine) if message.at > getattr(self, "watermark", 0.0)]
        self.watermark = max([getattr(self, "watermark", 0.0), *(message.at for message in found)])
        return found

    return patch.object(store.SqliteStore, "collect", collect)


def message_gone_before_its_entry() -> AbstractContextManager[Any]:
    """A message is deleted in one write and enters the history in the next."""
    real = outbox.Outbox.take

    def take(self: Any) -> Write | None:
        write = real(self)
        if write is None or not write.consumed:
            return write
        self.entries[:0] = write.entries
        self.move = write.move
        self.held, self.writing = [*(self.writing or []), *self.held], []
        return Write(fence=write.fence, consumed=write.consumed)

    return patch.object(outbox.Outbox, "take", take)


def trouble_recorded_as_outcome() -> AbstractContextManager[Any]:
    """A store that cannot be reached fails the tasks whose outcome it should have taken."""
    real = committer.Committer._failed

    def spoilt(write: Write, failure: bytes) -> Write:
        def entry(entry: Entry) -> Entry:
            if entry.kind is not Kind.RESULT:
                return entry
            return msgspec.structs.replace(entry, kind=Kind.ERROR, payload=failure)

        return msgspec.structs.replace(write, entries=tuple(entry(e) for e in write.entries))

    def failed(self: Any, sources: Any, writes: list[Write], error: Any, unknown: bool = False) -> None:
        if isinstance(error, StoreUnavailable) and not (unknown or error.unknown):
            failure = codec.encode_failure(error)
            writes = [spoilt(write, failure) for write in writes]
        real(self, sources, writes, error, unknown)

    return patch.object(committer.Committer, "_failed", failed)


def release_without_a_new_token() -> AbstractContextManager[Any]:
    """A run is taken from the dead, but its number stays."""
    statement = store.SQL["release_orphans"].replace("token = token + 1, ", "")
    return patch.dict(store.SQL, release_orphans=statement)


def claims_forgotten() -> AbstractContextManager[Any]:
    """When the answer to a claim is lost, nobody asks what it was."""
    return patch.object(claiming.Claimer, "_ours", lambda self: iter(()))


def condemned_goes_on() -> AbstractContextManager[Any]:
    """An engine that was taken for dead, or whose disk failed, carries on with what it has in memory."""

    def failed(self: Any, error: BaseException) -> None:
        self.committer.stopped = isinstance(error, StoreFatal)

    return patch.object(engine.Engine, "_failed", failed)


def starts_not_recorded() -> AbstractContextManager[Any]:
    """Attempts are not put on record even after a loss, so a poisonous step is tried for ever."""
    return patch.object(launcher.Launcher, "suspect", lambda self, touch: None)


def starts_without_a_wait() -> AbstractContextManager[Any]:
    """A child is started, but nothing on record says that its parent waits for it."""
    real = outbox.Outbox.take

    def take(self: Any) -> Write | None:
        if self.made is not None:
            self.made.waits.clear()
        return real(self)

    return patch.object(outbox.Outbox, "take", take)


def an_error_of_ours_in_taking_a_write() -> AbstractContextManager[Any]:
    """What a run has to write cannot be taken, and that ends its engine, again and again."""

    def take(self: Any) -> Write | None:
        raise AttributeError("ours")

    return patch.object(outbox.Outbox, "take", take)


def signals_taken_before_they_are_received() -> AbstractContextManager[Any]:
    """A signal leaves the inbox when the engine has seen it, not with the entry of the `receive`."""
    real = inbox.Inbox.take

    def take(self: Any, message: Message) -> None:
        if message.kind == "signal" and message.id not in self._signals.get(message.name, ()):
            self._outbox.extras.consumed.append(message.id)
        real(self, message)

    return patch.object(inbox.Inbox, "take", take)


def begins_again_without_asking() -> AbstractContextManager[Any]:
    """An attempt that was lost with its process counts as one that did nothing."""
    return patch.object(attempts.Tries, "is_uncertain", False)


def ends_before_it_knows() -> AbstractContextManager[Any]:
    """The end of the body drops what is under way, also what may have had its effect."""
    real = effects.Effects.must_wind_up

    def must_wind_up(self: Any, machine: Any, end: Any) -> bool:
        for id in [id for id, step in machine.open.items() if step.is_effect]:
            machine.open.pop(id)
            self.abandoned.pop(id, None)
        return real(self, machine, end)

    return patch.object(effects.Effects, "must_wind_up", must_wind_up)


def acts_when_it_is_sent() -> AbstractContextManager[Any]:
    """A commit that is on its way is taken for one that was made."""
    real = sender.Sender.send

    def send(self: Any, writes: list[Write], then: Any) -> None:
        real(self, writes, lambda *_: None)
        if self._under_way is not None:
            then(
                [Verdict(Outcome.DONE, tuple((Outcome.DONE, n.id) for n in w.new_runs)) for w in writes], None
            )

    return patch.object(sender.Sender, "send", send)


def a_lost_answer_is_taken_for_a_failure() -> AbstractContextManager[Any]:
    """A commit whose answer got lost is sent again without a look."""
    real = sender.Sender.send

    def send(self: Any, writes: list[Write], then: Any) -> None:
        def told(verdicts: Any, error: Any) -> None:
            then(verdicts, error and StoreUnavailable(str(error)))

        real(self, writes, told)

    return patch.object(sender.Sender, "send", send)


def silence_is_not_noticed() -> AbstractContextManager[Any]:
    """Whoever waits for an answer that never comes waits for ever."""
    return patch.object(sender.Sender, "_listen", lambda *_: None)


def the_second_half_is_not_told() -> AbstractContextManager[Any]:
    """Runs that were to be told after the others are forgotten."""
    return patch.object(teller.Teller, "tell_soon", lambda *_: None)


def a_repeated_signal_is_another_one() -> AbstractContextManager[Any]:
    """A message that is asked for again by its id lies there twice."""
    real = judge_inbox.Inboxes.send

    def send(self: Any, message: Message) -> Outcome:
        run = self._rows.runs.get(message.run)
        if message.kind == "signal" and run is not None and (message.run, message.id) in self._rows.inbox:
            message = msgspec.structs.replace(message, id=f"{message.id}/{run.messages}")
        return real(self, message)

    return patch.object(judge_inbox.Inboxes, "send", send)


def an_end_takes_no_children_along() -> AbstractContextManager[Any]:
    """The children of a run that has ended go on."""
    return patch.object(judge_waits.Waits, "_stop_children", lambda *_: None)


def an_end_tells_nobody() -> AbstractContextManager[Any]:
    """Who waits for a run looks for its end by itself, or not at all."""
    real = judge_waits.Waits.ended

    def ended(self: Any, run: Any) -> None:
        with patch.object(judge_waits.Waits, "_end_of", lambda *_: None):
            real(self, run)

    return patch.object(judge_waits.Waits, "ended", ended)


def each_attempt_has_a_key_of_its_own() -> AbstractContextManager[Any]:
    """What an attempt has done is not found again by the next one's key."""
    real = attempts.Attempts.key_of

    def key_of(self: Any, head: Any, step: str) -> str:
        return f"{real(self, head, step)}@{head.token}"

    return patch.object(attempts.Attempts, "key_of", key_of)


def undone_in_the_order_of_doing() -> AbstractContextManager[Any]:
    """What was done first is undone first."""
    real = effects.Effects.wind_up

    async def wind_up(self: Any, machine: Any) -> None:
        while self.abandoned or self.children:
            self.changed = machine.loop.create_future()
            await self.changed
        self.done.reverse()
        await real(self, machine)

    return patch.object(effects.Effects, "wind_up", wind_up)


def a_second_cancel_cuts_the_undoing() -> AbstractContextManager[Any]:
    """Whatever a body does when it ends, a cancel that comes then ends at once."""
    real = answering.Answering._take_message

    def take(self: Any, entry: Entry) -> None:
        end, self.effects.end = self.effects.end, None
        try:
            real(self, entry)
        finally:
            self.effects.end = end

    return patch.object(answering.Answering, "_take_message", take)


# Programs with effects outside: their worlds are `effect_setting`.
PLANTED_IN_EFFECTS: dict[Plant, tuple[int, ...]] = {
    begins_again_without_asking: (3,),
    ends_before_it_knows: (3,),
    each_attempt_has_a_key_of_its_own: (3, 9, 17),
    undone_in_the_order_of_doing: (1, 3, 4),
    a_second_cancel_cuts_the_undoing: (4, 8, 15),
}

# Where commits are sent: their worlds are `far_setting`.
PLANTED_IN_SENDING: dict[Plant, tuple[int, ...]] = {
    acts_when_it_is_sent: (0, 1, 2),
    a_lost_answer_is_taken_for_a_failure: (3, 4, 6, 8),
    silence_is_not_noticed: (4, 9, 10, 16),
    the_second_half_is_not_told: (2, 3, 4, 6),
}

# Programs that start others and talk to them: their worlds are `family_setting`.
PLANTED_IN_FAMILIES: dict[Plant, tuple[int, ...]] = {
    starts_without_a_wait: (0, 1, 2),
    an_error_of_ours_in_taking_a_write: (0, 1, 2),
    signals_taken_before_they_are_received: (3, 4, 7),
    a_repeated_signal_is_another_one: (4, 37, 72),
    an_end_takes_no_children_along: (38, 55),
    an_end_tells_nobody: (0, 1, 2),
}

# Each with seeds that are known to catch it. When the core changes, stories change:
# `python -m tests.sim --planted` finds others.
PLANTED: dict[Plant, tuple[int, ...]] = {
    token_check_dropped: (507,),
    refusal_ignored: (385, 416, 483),
    acts_before_the_commit: (12, 14, 15),
    finally_acts_on_eviction: (1, 4, 6),
    recovery_only_at_boot: (1, 2, 11),
    unknown_taken_for_done: (0, 10, 14),
    unknown_taken_for_lost: (4, 16, 33),
    unknown_forgotten: (552, 639, 668),
    beats_by_the_wall_clock: (17, 48, 80),
    pause_ages_what_was_seen: (182, 427),
    retries_counted_in_memory: (12, 42, 225),
    inbox_by_watermark: (238, 310, 349),
    message_gone_before_its_entry: (2, 4, 6),
    trouble_recorded_as_outcome: (1, 9, 10),
    release_without_a_new_token: (1, 2, 11),
    claims_forgotten: (9, 20, 76),
    condemned_goes_on: (43, 138, 263),
    starts_not_recorded: (1, 2, 11),
}
SEEDS_MAX = 2000  # within so many seeds each plant must be caught


def caught_by(
    plant: Plant, seeds: Iterable[int], setting: Callable[[int], Setting] = draw_setting
) -> tuple[int, str] | None:
    """The first of these seeds that notices the plant, and what it says."""
    for seed in seeds:
        with plant():
            violations = World(seed, setting(seed)).play().violations
        if violations:
            return seed, violations[0]
    return None


def catch(plant: Plant) -> tuple[int, str] | None:
    """Try the known seeds first, then as many as may be needed."""
    return caught_by(plant, (*PLANTED[plant], *range(SEEDS_MAX)))
