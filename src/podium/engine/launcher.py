"""Acts on what one run's machine has asked for, once that is durable: begins attempts and cancels them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..executors import Attempt
from ..executors.protocol import BUILT_IN, AttemptRunner
from ..machine import CancelStep, Ending, Machine, Step, Tell, UndoStep
from ..model import ASKS, EFFECT, NOT_BEGUN, UNDOES, Head, Kind
from .attempts import LOST_ALONE_MAX, Attempts, Tries
from .context import Context
from .driver import Driver
from .outbox import Held, Outbox
from .poison_steps import PoisonGuard, Quarantine
from .reasons import poisoned
from .residency import IGNORES, Residence

# Why it is not known what became of a step.
_LOST = "an attempt at it was lost"
_CHANGED = "it was done before this retry, with other arguments"
_CALLED_OFF = "it was done before this retry, and podium.on_failure behind it has been called"


class Launcher:
    """Begins attempts at the steps of one run. What it records its caller has committed."""

    def __init__(
        self,
        context: Context,
        head: Head,
        driver: Driver,
        attempts: Attempts,
        outbox: Outbox,
        residence: Residence,
        executors: AttemptRunner,
        quarantine: Quarantine,
    ) -> None:
        self._env, self._lifecycle, self._head = context.env, context.lifecycle, head
        self._driver, self._attempts, self._outbox = driver, attempts, outbox
        self._machine: Machine = driver.machine
        self._executors = executors
        self._residence, self._quarantine = residence, quarantine
        self._guard: PoisonGuard | None = None
        self._touch: Callable[[], None] | None = None
        self._suspects: dict[str, None] = {}  # steps whose attempts begin on record
        self._lease = context.options.lease
        self._recording: dict[Attempt, tuple[Step, float]] = {}  # begin once that is durable; asked for when

    def suspect(self, touch: Callable[[], None]) -> None:
        """The run has lost owners, and is where its history ends: what is open now may have cost them. What
        begins later is suspected by the next owner, if it costs this one; so the rest of a long run does not
        pay a commit for each step. `touch` asks for a commit: they may begin when others end."""
        self._suspects = dict.fromkeys(self._machine.open)
        if self._suspects:  # most runs need no objects that hold each other
            self._touch = touch
            self._guard = PoisonGuard(self._attempts, self._quarantine, self._begin_on_record)

    def begin_lone(self, held: Sequence[Held]) -> bool:
        """`act`, and what follows it, for a run that has asked for one step of which nothing is known yet,
        and for nothing since: the way of most steps. False: it is not so, and nothing was done.

        For each look there is a world in `tests/sim/test_short_ways.py` that notices where it is left out."""
        attempts, outbox, machine = self._attempts, self._outbox, self._machine
        if (
            len(held) != 1 or attempts.tries or machine.is_attended or machine.loop.timers
            or outbox.is_passed_over or outbox.pauses or self._suspects or self._lifecycle.stopping
            or attempts.former_keys is not None
        ):  # fmt: skip
            return False
        step = held[0]
        if type(step) is not Step or step.is_effect or machine.open.get(step.id) is not step:
            return False
        self._executors.submit(attempts.begin(self._head, step))
        return True

    def act(self, held: Iterable[Held]) -> bytes | None:
        """Everything these rest on is durable. Returns why to park the run at once, if so.

        An engine that stops lets end what runs and begins nothing more: the run is handed back soon.
        """
        lifecycle = self._lifecycle
        stopping = (lifecycle.stopping and lifecycle.holds(self._head.id)) or bool(self._outbox.pauses)
        if (former_keys := self._attempts.former_keys) is not None:
            held = [*held]
            former_keys.note(held)
        attempts = self._attempts
        for command in held:
            if isinstance(command, Step):
                id = command.id
                if stopping or self._machine.open.get(id) is not command:
                    pass  # its next owner's, or cancelled meanwhile
                elif not (command.is_effect or id in self._suspects or id in attempts.tries):
                    self._executors.submit(attempts.begin(self._head, command))
                elif reason := self._launch(command):
                    return reason
            elif isinstance(command, CancelStep) and command.step.is_effect:
                self._give_up(command.step)
            elif isinstance(command, CancelStep):
                attempt = self._attempts.forget(command.step.id)
                if attempt is not None:
                    self._executors.cancel(attempt)
                    self.ended(attempt)
            elif isinstance(command, Attempt):
                self._begin_recorded(command)
            elif isinstance(command, Tell):
                command.tell()
            elif isinstance(command, Ending):
                self._driver.note_ending(command)
        return None

    def _launch(self, step: Step) -> bytes | None:
        """Begin the next attempt at a step, unless it is to wait."""
        tries = self._attempts.tries.get(step.id)
        if self._attempts.doubts or (tries is None and step.id in self._machine.effects.abandoned):
            return None  # the run is parked soon; nobody waits for what has not begun
        if self._driver.stands(step):
            return None
        if tries is not None:
            if self._attempts.postponed.get(step.id, 0.0) > self._env.now():
                return None  # the run's alarm is set to it
            if tries.lost_alone >= LOST_ALONE_MAX:
                return poisoned(step, tries.lost)
            self._attempts.postponed.pop(step.id, None)
        if step.function.once and (why := self._doubt_of(step, tries)):
            self._attempts.doubts[step.id] = why
            return None
        if self._guard is not None and step.id in self._suspects:
            self._guard.begin(step)
        elif step.is_effect:
            self._begin_on_record(step, alone=False)
        else:
            self._executors.submit(self._attempts.begin(self._head, step))
        return None

    def _doubt_of(self, step: Step, tries: Tries | None) -> str:
        """Why a step that is never begun twice may have happened already; "" where it has not."""
        if tries is not None and tries.is_uncertain:
            return _CHANGED if step.id in self._attempts.standing else _LOST
        undone, is_cleared = self._attempts.undone, tries is not None and tries.cleared
        if undone is None or is_cleared or step.function.undo is not None or step.id not in undone.steps:
            return ""
        return _CALLED_OFF

    def _begin_on_record(self, step: Step, alone: bool) -> Attempt | None:
        """Record that an attempt begins; it does once that is durable. None: the run does not want it."""
        if (
            self._lifecycle.holds(self._head.id)
            or self._outbox.pauses
            or self._residence.state in IGNORES
            or not self._machine.is_open(step)
            or step.id in self._attempts.running
        ):
            return None
        tries = self._attempts.tries.get(step.id)
        asks = step.function.verify is not None and tries is not None and tries.is_uncertain
        attempt = (self._attempts.ask if asks else self._attempts.begin)(self._head, step)
        self._record(attempt, step, alone)
        return attempt

    def _record(self, attempt: Attempt, step: Step, alone: bool) -> None:
        """Record that it begins, which it does once that is durable."""
        self._outbox.held.append(attempt)
        self._recording[attempt] = step, self._env.monotonic()
        name = EFFECT if step.is_effect else ""
        if isinstance(step, UndoStep):
            name = f"{UNDOES}{step.of}"
        if attempt.asks:
            name = ASKS
        self._driver.note(Kind.START_ALONE if alone else Kind.START, attempt, step.digest, name)
        if self._touch is not None:
            self._touch()

    def _begin_recorded(self, attempt: Attempt) -> None:
        """It is on record that it begins. Where that took a whole lease (this process may have stood still)
        the run may be another engine's, which may have learned that this attempt did nothing: so it is
        recorded anew, which is refused then."""
        step, asked = self._recording.pop(attempt)
        if self._attempts.running.get(attempt.step) is not attempt:
            return
        if self._env.monotonic() - asked <= self._lease:
            self._executors.submit(attempt)
            return
        self._driver.note(Kind.HANDED_BACK, attempt, name=NOT_BEGUN)
        self._record(attempt, step, self._attempts.of(step.id).alone)

    def come_to_rest(self) -> bool:
        """Of a run that is to pause: give up what is in line and has not begun; whether nothing runs now."""
        for attempt in list(self._attempts.running.values()):
            is_in_line = attempt.function.executor in BUILT_IN and not attempt.has_begun
            if is_in_line and not self._is_effect(attempt):
                del self._attempts.running[attempt.step]
                self.forgive(attempt)
                self._executors.cancel(attempt)
                self.ended(attempt)
        return not self._attempts.running

    def _is_effect(self, attempt: Attempt) -> bool:
        step = self._machine.open.get(attempt.step)
        return step is not None and step.is_effect

    def give_back(self) -> None:
        """The run is handed back in order: what is under way is given up, not lost with its process."""
        for attempt in self._attempts.running.values():
            step = self._machine.open.get(attempt.step)
            if step is not None and step.is_effect:
                self._driver.note(Kind.HANDED_BACK, attempt, name="" if self._stop(attempt) else NOT_BEGUN)
            else:
                self.forgive(attempt)

    def _stop(self, attempt: Attempt) -> bool:
        """Cancel an attempt; whether it may have begun."""
        if attempt.began == 0.0:  # it was not given to its executor
            return False
        self._executors.cancel(attempt)
        return attempt.has_begun or attempt.function.executor not in BUILT_IN

    def _give_up(self, step: Step) -> None:
        """Nobody waits for a step with an effect any more: one that has begun is brought to an outcome."""
        attempt, tries = self._attempts.running.get(step.id), self._attempts.tries.get(step.id)
        if not self._machine.is_open(step):
            return
        if attempt is None and tries is None:
            self._driver.never_began(step)
        elif attempt is not None and attempt.number == 1 and not attempt.asks and not attempt.has_begun:
            if attempt.began and attempt.function.executor not in BUILT_IN:
                return  # nobody can tell whether that one has begun
            del self._attempts.running[step.id]
            if self._stop(attempt):  # it has begun in this very moment
                self._attempts.lost(attempt, self._env.now())
            else:
                self._driver.never_began(step)
            self.ended(attempt)

    def forgive(self, attempt: Attempt) -> None:
        """An attempt was lost, and not with its process: that is not counted against its step."""
        if attempt.step in self._suspects:  # else it is not on record that it began
            self._driver.note(Kind.HANDED_BACK, attempt)

    def let_go(self) -> None:
        """The run leaves memory: it goes at once, and not at the collector's time."""
        self._touch = None

    def ended(self, attempt: Attempt) -> None:
        """An attempt ended or was cancelled: others may have room now; a step that is over is no suspect."""
        if self._guard is not None:
            self._guard.ended(attempt)
            if attempt.step not in self._machine.open:
                self._suspects.pop(attempt.step, None)
