"""Ends runs that were asked to stop and whose body is not to hear of it: it has not had a turn, or the run
was parked and has done nothing that this would undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ..model import (
    CANCEL,
    Entry,
    Fence,
    Head,
    Kind,
    Message,
    Move,
    Outcome,
    RunRow,
    State,
    Verdict,
    Write,
    name_of,
    reason_in_line,
)
from ..store import Store
from .context import Context
from .sources import OneWrite

AGAIN_SECONDS = 1.0  # when the store could not be read


def calling_off(cancel: Message, run: Head | RunRow, held: State, at: float) -> Write:
    """The Write that ends a run by the cancel that lies in its inbox. `held`: as it was found. Refused where
    somebody else has it by now."""
    entry = Entry(run.entries + 1, Kind.MESSAGE, at, cancel.id, name=name_of(cancel))
    fence = Fence(cancel.run, run.token, frozenset({held}))
    return Write(fence, Move(State.CANCELLED, at=at), (entry,))


def was_at_rest(row: RunRow) -> bool:
    """Whether it was parked when it was asked to stop, and its body is not to hear of that."""
    reason = reason_in_line(row.payload)
    return reason is not None and not reason.undoes


def were_at_rest(store: Store, heads: Sequence[Head], messages: Iterable[Message]) -> list[str]:
    """Which of these runs, by what lies in their inboxes."""
    asked = {message.run for message in messages if message.kind == CANCEL}
    begun = [head.id for head in heads if head.id in asked and head.token > 1]
    return [id for id, row in store.load_many(begun).items() if was_at_rest(row)] if begun else []


def in_line(rows: Mapping[str, RunRow], cancels: Iterable[Message], at: float) -> list[Write]:
    """What ends those of the runs that nobody has, and whose body is not to hear of it."""
    found: list[Write] = []
    for cancel in cancels:
        row = rows.get(cancel.run)
        is_new = row is not None and row.state is State.QUEUED and not (row.token or row.entries)
        if row is not None and (is_new or (row.state is State.WAITING and was_at_rest(row))):
            found.append(calling_off(cancel, row, row.state, at))
    return found


class CallingOff:
    """What one engine's commits have asked to stop, it ends: it may be that nobody claims it.

    `told` hears what these ends have sent, `look` of each run that has ended, `soon` where others are to.
    """

    def __init__(
        self,
        context: Context,
        told: Callable[[Sequence[Message]], None],
        look: Callable[[str], None],
        soon: Callable[[], None],
    ) -> None:
        self._context, self._told, self._look, self._soon = context, told, look, soon
        self._asked: list[Message] = []
        self._is_looking = False

    def end(self, cancels: Iterable[Message]) -> None:
        """Look how these runs stand, many at once."""
        self._asked += cancels
        if self._asked and not self._is_looking:
            asked, self._asked = self._asked, []
            self._is_looking = True
            store, runs = self._context.store, [cancel.run for cancel in asked]
            self._context.committer.ask(lambda: store.load_many(runs), partial(self._found, asked))

    def _found(
        self, asked: Sequence[Message], rows: Mapping[str, RunRow] | None, error: BaseException | None
    ) -> None:
        self._is_looking = False
        if rows is None or error is not None:  # nobody else may ever look: who claims has no code of some
            self._context.reactor.call_later(AGAIN_SECONDS, self.end, asked)
            return
        writes = in_line(rows, asked, self._context.env.now())
        for write in writes:
            self._context.committer.touch(OneWrite(write, partial(self._decided, write)))
        if len(writes) < len(asked):
            self._soon()
        self.end(())

    def _decided(self, write: Write, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.DONE and write.fence is not None:
            self._look(write.fence.run)
            self._told(verdict.told)
        else:
            self._soon()


def cancels_of(told: Iterable[Message]) -> list[Message]:
    """Whom a Write has asked to stop."""
    return [message for message in told if message.kind == CANCEL]
