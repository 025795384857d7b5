"""The apps of this process: the sessions of all that live, and the one of the innermost `with App(...)`."""

from __future__ import annotations

import weakref
from collections.abc import Container
from typing import Generic, Protocol, TypeVar

from .. import changes


class Member(Protocol):
    """What the session of an app shows here."""

    driven: Container[str]

    @property
    def has_engine(self) -> bool: ...

    @property
    def is_closed(self) -> bool: ...

    def forget(self) -> None: ...


A = TypeVar("A")


class Apps(Generic[A]):
    """Kept for the process. A forked child has none: what it inherits belongs to its parent."""

    def __init__(self) -> None:
        self._all: weakref.WeakSet[Member] = weakref.WeakSet()
        self.innermost: A | None = None
        changes.at_fork(
            "apps",
            when=changes.DECLARED,
            why="what a child inherits of apps and engines belongs to its parent",
            in_child=self._forget,
        )

    def add(self, session: Member) -> None:
        self._all.add(session)

    def are_live(self) -> bool:
        """Whether one of them has an engine, or will have one, and is not closed."""
        return any(session.has_engine and not session.is_closed for session in list(self._all))

    def driving(self, run: str) -> Member | None:
        """The one whose engine has the run in memory."""
        return next((session for session in list(self._all) if run in session.driven), None)

    def _forget(self) -> None:
        for session in list(self._all):
            session.forget()
        self.innermost = None
