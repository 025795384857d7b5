"""The notice that a call has met an earlier run: how much of it is on record is counted in a thread.

The engine's thread must not: the history of a long run takes a tenth of a second to read, and everything
else that the engine drives would stand still for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..engine import Met
from ..env import Env
from ..errors import PodiumError, ResourceShortage
from ..inspect import history
from ..store import Store

_TOLD_ONE_BY_ONE = 3


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
        self._untold: deque[_Untold] = deque()
        self._serving = False

    def add(
        self, met: Sequence[tuple[str, Met]], run: str, answer: Callable[[str | BaseException], None]
    ) -> None:
        """Tell of the runs that were met, then answer the start with its run, on a thread of their own."""
        with self._lock:
            self._untold.append(_Untold(met, run, answer))
            begins, self._serving = not self._serving, True
        if begins:
            try:
                self._env.spawn(self._serve, name="podium-notice")
            except ResourceShortage:  # a start that is on record is worth more than the words about it
                with self._lock:
                    untold, self._untold, self._serving = self._untold, deque(), False
                for each in untold:
                    each.answer(each.run)

    def _serve(self) -> None:
        resumed = 0
        while True:
            with self._lock:
                if not self._untold:
                    self._serving = False
                    break
                each = self._untold.popleft()
            try:
                for run, how in each.met:
                    resumed += how not in (Met.FORMER, Met.PARKED)
                    if how in (Met.FORMER, Met.PARKED) or resumed <= _TOLD_ONE_BY_ONE:
                        self._notice(self._words(run, how))
            except BaseException as error:  # the caller's, as a start that failed; the others are answered
                each.answer(error)
            else:
                each.answer(each.run)
        if resumed > _TOLD_ONE_BY_ONE:
            self._notice(f"podium: resumed {resumed - _TOLD_ONE_BY_ONE:,} more runs")

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
