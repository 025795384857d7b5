"""What a person says of a step of which nobody else can know whether it has happened."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import codec, late
from ..codec.schemas import Given
from ..depot import Depot
from ..errors import UsageError
from ..functions import Function
from ..model import AGAIN, State, is_undo
from .waiting import Waiting, mapped

if TYPE_CHECKING:
    from . import operators
else:
    operators = late.module(globals(), ".operators")


@dataclass(frozen=True)
class Settlement:
    """One of the three: it has happened, with this result; it is to be done again; it has failed so."""

    state: str
    value: Any = None  # the result, or the failure
    given: Given | bytes | None = None  # the same, as it was when it was given

    @staticmethod
    def of(happened: Any, again: bool, failed: BaseException | None) -> Settlement:
        """As it is given: `...` is no result. Raises UsageError for none or several."""
        given = [happened is not ..., again, failed is not None]
        if sum(given) != 1:
            raise UsageError(
                "settle(...): what became of the step?",
                fix="one of happened=RESULT, again=True, failed=ERROR",
            )
        if again:
            return Settlement(AGAIN)
        if failed is not None:
            return Settlement(State.FAILED.value, failed)
        return Settlement(State.SUCCEEDED.value, happened)

    def as_now(self, depot: Depot | None) -> Settlement:
        """The same, whatever becomes of its value before it is stored."""
        if self.state == State.FAILED.value:
            return replace(self, given=codec.encode_failure(self.value))
        return replace(self, given=Given(self.value, "settle", depot))

    @property
    def in_words(self) -> str:
        """What became of it, for the record."""
        if self.state == AGAIN:
            return "not done, to be done again"
        return "done" if self.state == State.SUCCEEDED.value else "failed"

    def payload(self, step: str, task: Function | None, schema: str, depot: Depot | None) -> bytes:
        """As it is stored, for the step with this identity. Raises UsageError and EncodeError.

        task    the step's, where that is imported here
        schema  of what the step returns, by the code that has parked the run
        """
        if self.state == AGAIN:
            return b""
        given = self.given or self.as_now(depot).given
        if not isinstance(given, Given):
            return given or b""
        if is_undo(step):
            return codec.encode(None)  # nothing is made of it
        if task is not None:
            return given.fitting(task.returns, task.result_name)
        given.check(schema, f"the result of {step}")
        return given.payload


class Settling:
    """The part of a `Run` by which a person decides, by name, how it goes on."""

    def _stored(self) -> Any:
        raise NotImplementedError

    def pause(self, *, by: str | None = None) -> Waiting[None]:
        """Have it wait until it is resumed: it begins nothing new, what has begun ends, then it is parked.

        by  who pauses it, for the record; default: the login name, in a task its run

        Its child runs go on. A crash on the way loses nothing: whoever drives it next parks it. Of one that
        is parked it does nothing. Raises WrongState where it has ended.

        Example:

        >>> run = report.options(delay=3600).start("Oslo")
        >>> _ = run.pause(by="ada")
        >>> str(run.state)
        'parked'
        """
        stored, who = self._stored(), operators.operator(by)

        def act(run: str) -> Future[None]:
            return stored.app.decisions.pause(run, who)

        return stored.asked(act)

    def settle(
        self,
        step: str,
        *,
        happened: Any = ...,
        again: bool = False,
        failed: BaseException | None = None,
        by: str | None = None,
    ) -> Waiting[None]:
        """Say what became of a step over which it is parked, because nobody else can know; it then goes on.

        step      its identity, as `why` names it, or the name of its function
        happened  it has happened: the result that the body gets; of what undoes a step None will do
        again     it has not: it is begun again, though `once=True`
        failed    it has not, and is not to: the exception that the body gets; of what undoes a step: leave it
        by        who says so, for the record; default: the login name, in a task its run

        Raises WrongState where it is not parked over that step, UsageError for a result that does not fit,
        EncodeError. After a crash in the middle it was said or not: `why` tells.

        Example:

        >>> report.options(delay=3600).start("Oslo").settle("charge", happened="receipt-17")
        Traceback (most recent call last):
        podium.errors.WrongState: ...
        """
        how, stored = Settlement.of(happened, again, failed), self._stored()
        how, who = how.as_now(stored.app.store.depot), operators.operator(by)

        def act(run: str) -> Future[None]:
            return mapped(stored.app.decisions.settle(run, step, how, who), lambda _: None)

        return stored.asked(act)
