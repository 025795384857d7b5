"""The notice that a call has met an earlier run: how much of it is on record is counted in a thread.

The engine's thread must not: the history of a long run takes a tenth of a second to read, and everything
else that the engine drives would stand still for it.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..engine import Met
from ..env import Env
from ..errors import PodiumError, ResourceShortage
from ..inspect import history
from ..store import Store

_TOLD_ONE_BY_ONE = 3  # of each kind, in a row; of the others their number
_QUIET_SECONDS = 1.0  # after which a row of them is over


class _Untold(NamedTuple):
    """A start that has met earlier runs of its call, and the run that it has come to."""

    met: Sequence[tuple[str, Met]]
    run: str
    answer: Callable[[str | BaseException], None]


class ResumeNotices:
    """Says which runs were met, then lets their starts go on, so that the notice comes first."""

    def __init__(self, env: Env, notice: Callable[[str], None], store: Callable[[], Store]) -> None:
        self._env, self._notice, self._store = env, notice, store
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._untold: deque[_Untold] = deque()
        self._serving = self._is_closed = False
        self._met: Counter[Met] = Counter()  # in the row that is being told of

    def add(
        self, met: Sequence[tuple[str, Met]], run: str, answer: Callable[[str | BaseException], None]
    ) -> None:
        """Tell of the runs that were met, then answer the start with its run, on a thread of their own."""
        with self._lock:
            is_told = not self._is_closed
            if is_told:
                self._untold.append(_Untold(met, run, answer))
            begins, self._serving = is_told and not self._serving, self._serving or is_told
            self._news.notify()
        if not is_told:
            answer(run)
        elif begins:
            try:
                self._env.spawn(self._serve, name="podium-notice")
            except ResourceShortage:  # a start that is on record is worth more than the words about it
                with self._lock:
                    untold, self._untold, self._serving = self._untold, deque(), False
                for each in untold:
                    each.answer(each.run)

    def close(self) -> None:
        """Tell the numbers now, and no more after that: the app closes, and says what becomes of its runs."""
        with self._lock:
            self._is_closed = True
            self._news.notify()
        self._tell_numbers()

    def _serve(self) -> None:
        while (each := self._next()) is not None:
            try:
                for run, how in each.met:
                    self._tell(run, how)
            except BaseException as error:  # the caller's, as a start that failed; the others are answered
                each.answer(error)
            else:
                each.answer(each.run)
        if not self._is_closed:
            self._tell_numbers()

    def _next(self) -> _Untold | None:
        """The next one to be told; None: the row is over."""
        with self._lock:
            if not (self._untold or self._is_closed):
                self._news.wait(_QUIET_SECONDS)
            if self._untold:
                return self._untold.popleft()
            self._serving = False
            return None

    def _tell(self, run: str, how: Met) -> None:
        kind = Met.AWAY if how is Met.HERE else how
        with self._lock:
            self._met[kind] += 1
            is_told = self._met[kind] <= _TOLD_ONE_BY_ONE and not self._is_closed
        if is_told:
            self._notice(self._words(run, how))

    def _tell_numbers(self) -> None:
        with self._lock:
            met, self._met = self._met, Counter()
        for kind, number in met.items():
            if number > _TOLD_ONE_BY_ONE:
                self._notice(f"podium: {_number(kind, number - _TOLD_ONE_BY_ONE)}")

    def _words(self, run: str, how: Met) -> str:
        if how is Met.FORMER:
            ends = f"podium.get({run!r}).cancel() ends the former"
            return f"podium: run {run} goes on with the former code; this call is a new run. {ends}"
        if how is Met.PARKED:
            return f"podium: this call has run {run}, which is parked{self._counted(run)}"
        if how is Met.HERE:
            return f"podium: run {run} went on meanwhile, and this call has it{self._counted(run)}"
        return f"podium: resumed {run}{self._counted(run)}"

    def _counted(self, run: str) -> str:
        try:
            return f": {history.in_words(history.steps_on_record(self._store(), run))}"
        except PodiumError:  # the store is closed, or in trouble: the run is resumed all the same
            return ""


def _number(kind: Met, more: int) -> str:
    """Of runs that are not told of one by one."""
    runs, calls = ("run", "call") if more == 1 else ("runs", "calls")
    if kind is Met.FORMER:
        go, are = ("goes", "call is a new run") if more == 1 else ("go", "calls are new runs")
        return f"{more:,} more {runs} {go} on with the former code; {'its' if more == 1 else 'their'} {are}"
    if kind is Met.PARKED:
        have = "has a run that is parked" if more == 1 else "have runs that are parked"
        return f"{more:,} more {calls} {have}: podium runs status:parked"
    return f"resumed {more:,} more {runs}"
