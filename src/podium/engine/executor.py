"""Where attempts run: the executors of one engine by name, behind one door."""

from __future__ import annotations

from typing import Protocol

from ..executors import Attempt


class Executor(Protocol):
    """Runs attempts and answers each, once, with an `Ended`; a cancelled one need not be answered."""

    def submit(self, attempt: Attempt) -> None: ...

    def cancel(self, attempt: Attempt) -> None: ...
