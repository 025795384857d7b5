"""The notice that a call goes on with an earlier run: how much of it is on record is counted in a thread.

The engine's thread must not: the history of a long run takes a tenth of a second to read, and everything
else that the engine drives would stand still for it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from ..env import Env
from ..errors import PodiumError, ResourceShortage
from ..inspect import history
from ..store import Store

_TOLD_ONE_BY_ONE = 3


def _answer(settle: Callable[[Any], None], answer: Any) -> None:
    with contextlib.suppress(InvalidStateError):  # the caller has cancelled the future: nobody waits
        settle(answer)


class ResumeNotices:
    """Says which runs were resumed, then lets their starts go on, so that the notice comes first."""

    def __init__(self, env: Env, notice: Callable[[str], None], store: Callable[[], Store]) -> None:
        self._env, self._notice, self._store = env, notice, store
        self._lock = threading.Lock()
        self._runs: deque[tuple[str, Future[str]]] = deque()
        self._serving = False

    def add(self, run: str, start: Future[str]) -> None:
        """Tell of this run, then answer its start, on a thread of their own."""
        with self._lock:
            self._runs.append((run, start))
            begins, self._serving = not self._serving, True
        if begins:
            try:
                self._env.spawn(self._serve, name="podium-notice")
            except ResourceShortage:  # a start that is on record is worth more than the words about it
                with self._lock:
                    untold, self._runs, self._serving = self._runs, deque(), False
                for each, waiting in untold:
                    _answer(waiting.set_result, each)

    def _serve(self) -> None:
        told = 0
        while True:
            with self._lock:
                if not self._runs:
                    self._serving = False
                    break
                run, start = self._runs.popleft()
            told += 1
            try:
                if told <= _TOLD_ONE_BY_ONE:
                    self._notice(f"podium: resumed {run}{self._counted(run)}")
            except BaseException as error:  # the caller's, as a start that failed; the others are answered
                _answer(start.set_exception, error)
            else:
                _answer(start.set_result, run)
        if told > _TOLD_ONE_BY_ONE:
            self._notice(f"podium: resumed {told - _TOLD_ONE_BY_ONE:,} more runs")

    def _counted(self, run: str) -> str:
        try:
            return f": {history.in_words(history.steps_on_record(self._store(), run))}"
        except PodiumError:  # the store is closed, or in trouble: the run is resumed all the same
            return ""
