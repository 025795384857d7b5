"""What comes of the steps of one run: outcomes, answers and decisions are given to the branches that wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from .. import codec
from ..functions import Function
from ..lines import line_of
from ..model import AGAIN, CANCEL, SETTLE, Entry, Kind, State, read_name
from .effects import Effects, UndoStep
from .lines import where_defined
from .loop import Loop
from .mismatches import decoded, mismatch, require_same
from .outside import OutsideStep, awaiting
from .steps import Finish, Step
from .verbs import Verbs


class Answering:
    """The part of a machine that is fed what became of its steps."""

    run: str
    function: Function
    same_code: bool
    loop: Loop
    _effects: Effects | None
    open: dict[str, Step]
    outside: dict[str, OutsideStep]
    verbs: Verbs
    finished: Finish | None
    failure: BaseException | None
    _fed: Entry | None  # the last
    _root: Any
    cancel_asked: bool

    @property
    def effects(self) -> Effects:
        """What is to be seen to when the body has ended; made on first use, as most runs have nothing."""
        if self._effects is None:
            self._effects = Effects()
        return self._effects

    @property
    def has_ended(self) -> bool:
        """Whether the body has."""
        return self.finished is not None or (self._effects is not None and self._effects.end is not None)

    def defined_at(self) -> str:
        """ "file:line" of the workflow's definition, where there is no better place to name."""
        return line_of(*where_defined(self.function.fn))

    def require_asked(self, entry: Entry) -> None:
        """Raise Mismatch where this code does not ask, at that point, for what has gone out by the record: a
        child, a question, a signal. It went out while it was open, so a step has been put before it."""
        # What outlives it goes out when it has ended; and Podium 0.1 kept no digest.
        if entry.digest and entry.step not in self.open and not self.has_ended:
            raise mismatch(self, entry)

    def require_open(self, asked: Iterable[Entry]) -> None:
        """Raise Mismatch where a step that is open is another call than what went out, or began, under its
        name by the record: what it comes to would be taken for this one's. `asked`: the entries of that."""
        for entry in asked:
            step = self.open.get(entry.step)
            if step is not None and entry.digest:  # Podium 0.1 kept none
                require_same(self, entry, step)

    def come_to(self, step: Step, entry: Entry) -> None:
        """`feed` for the result that an attempt has just brought to a step that is open: the entry was made
        of that very step, so there is nothing to compare. Whatever else it does, `feed` must do."""
        loop = self.loop
        self.verbs.turn = entry.seq
        loop.entered = True
        self._fed = entry
        loop.now = entry.at  # no earlier than the last
        if step.is_effect:
            self._answer_effect(step, entry, True)
        else:
            self._succeed(step, entry)
        self._turn()

    def _turn(self) -> None:
        """Let the body go on with what it was told."""
        raise NotImplementedError

    def _take_message(self, entry: Entry) -> None:
        kind, state, name = read_name(entry.name)
        if kind == CANCEL:
            if not self.has_ended:  # what is being wound up is not cut
                self.cancel_asked = True
                self._root.cancel()
            return
        if kind == SETTLE:
            self._settle(entry, state, name)
            return
        step = awaiting(self.outside, name, is_signal=not state)
        if step is None:
            raise mismatch(self, entry)
        require_same(self, entry, step)
        if self._effects is not None and self._effects.children and self._effects.over(step):
            self._close(step)
        elif not state or state == State.SUCCEEDED:
            value = decoded(entry, step)
            self._close(step)
            step.set_result(value)
        elif state == State.FAILED:
            self._fail(step, step.placed(codec.decode_failure(entry.payload)))
        else:
            self._fail(step, step.cancelled_there())

    def _answer(self, entry: Entry) -> None:
        step = self.open.get(entry.step)
        if step is None:
            raise mismatch(self, entry)
        require_same(self, entry, step)
        if step.is_effect:
            self._answer_effect(step, entry, entry.kind is Kind.RESULT)
        elif entry.kind is Kind.RESULT:
            self._succeed(step, entry)
        else:
            self._fail(step, codec.decode_failure(entry.payload))

    def _succeed(self, step: Step, entry: Entry) -> None:
        """It has this result. Both `decoded` and `_close` are spelled out: this is the way of every step."""
        value = step.value
        if value is UNSET:
            value = decoded(entry, step)
        del self.open[step.id]
        if (waiter := step.waiter) is not None:
            step.waiter = None
            self.loop.ready.append(waiter)
        if self.outside:
            self.outside.pop(step.id, None)
        step.set_result(value)

    def _answer_effect(self, step: Step, entry: Entry, happened: bool) -> None:
        value = decoded(entry, step) if happened and not isinstance(step, UndoStep) else None
        if happened:
            self.effects.happened(step, entry.payload)
        if self.effects.over(step):
            self._close(step)
        elif happened:
            self._close(step)
            step.set_result(value)
        else:
            self._fail(step, codec.decode_failure(entry.payload))

    def _settle(self, entry: Entry, state: str, name: str) -> None:
        """A person says what became of a step, or that it is to be done again."""
        step = self.open.get(name)
        if step is None:
            raise mismatch(self, entry)
        require_same(self, entry, step)
        if state != AGAIN:
            self._answer_effect(step, entry, state == State.SUCCEEDED)

    def _close(self, step: Step) -> None:
        """It is about to be answered."""
        del self.open[step.id]
        step.wake_waiter()
        self.outside.pop(step.id, None)

    def _fail(self, step: Step, error: BaseException) -> None:
        self._close(step)
        step.set_exception(error)
        step._log_traceback = False  # nobody has to look at it
