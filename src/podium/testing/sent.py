"""Commits that a simulated process has sent to a store which is not near, and whose answers are on their way.

The server makes them whether their sender lives or not, some time later, and what it says may come late, or
not at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from ..errors import StoreError
from ..model import Verdict
from .faults import Fault, lose, refuse, unknown
from .stage import Stage
from .virtual import WRITER_SECONDS

SILENCE = 10.0  # s, after which a server is given up
LATE_SECONDS = 12.0  # an answer that is late is so by up to so much
LATE, REFUSED, WOKEN = 0.05, 0.1, 0.1  # chances
_numbers = itertools.count(1)


class Delivery:
    """One of them. `act` commits; `arrived` is told of the descriptor that can be read, or else `wake` is
    called; `unsure` is told of a commit that was made, and that its sender has to ask for."""

    is_unsent = False
    silence = SILENCE

    def __init__(
        self,
        stage: Stage,
        fault: Fault | None,
        act: Callable[[], list[Verdict]],
        arrived: Callable[[int], None],
        wake: Callable[[], object],
        unsure: Callable[[], None],
    ) -> None:
        self.descriptor = next(_numbers)
        self._stage, self._fault, self._act = stage, fault, act
        self._arrived, self._wake, self._unsure = arrived, wake, unsure
        self._is_over = self._is_made = False
        self._answer: list[Verdict] | StoreError | None = None
        self._soon(self._reach)

    def _soon(self, act: Callable[[], None], seconds: float = WRITER_SECONDS) -> None:
        stage = self._stage
        stage.scheduler.later(stage.chance.uniform(0.0, seconds), stage.lane, act)

    def _reach(self) -> None:
        """It is at the server."""
        stage, fault = self._stage, self._fault
        try:
            self._answer = self._made()
        except StoreError as error:
            self._answer = error
        if fault in (Fault.APPLY_THEN_FAIL, Fault.UNKNOWN_BEFORE) and stage.chance.random() < 0.5:
            return  # the connection is not cut, it is silent
        is_late = bool(stage.weather.calls) and stage.chance.random() < LATE
        self._soon(self._arrive, LATE_SECONDS if is_late else WRITER_SECONDS)

    def _made(self) -> list[Verdict] | None:
        stage, fault = self._stage, self._fault
        refuse(fault, "send")
        if stage.chance.random() < REFUSED:
            return None
        verdicts = self._act()
        self._is_made = True
        lose(fault, "send")
        return verdicts

    def _arrive(self) -> None:
        if self._is_over:
            return  # it was given up
        self._is_over = True
        if self._stage.chance.random() < WOKEN:
            self._wake()
        else:
            self._arrived(self.descriptor)

    def advance(self) -> bool:
        return self._is_over

    def lose(self) -> None:
        self._stage.mark("silent server given up")
        self._is_over, self._answer = True, unknown("send: simulated, a silent server")

    def verdicts(self) -> list[Verdict] | None:
        answer = self._answer
        if isinstance(answer, StoreError):
            if answer.unknown and self._is_made:
                self._unsure()
            raise answer
        self._stage.mark("answer taken")
        return answer
