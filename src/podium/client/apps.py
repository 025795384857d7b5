"""The apps of this process: all that live, and the one of the innermost `with App(...)`."""

from __future__ import annotations

import weakref
from typing import Generic, Protocol, TypeVar

from .. import changes


class Member(Protocol):
    """What an app shows here."""

    @property
    def has_engine(self) -> bool: ...

    @property
    def is_closed(self) -> bool: ...

    def forget(self) -> None: ...


A = TypeVar("A", bound=Member)


class Apps(Generic[A]):
    """Kept for the process. A forked child has none: what it inherits belongs to its parent."""

    def __init__(self) -> None:
        self._all: weakref.WeakSet[A] = weakref.WeakSet()
        self.innermost: A | None = None
        changes.at_fork(
            "apps",
            when=changes.DECLARED,
            why="what a child inherits of apps and engines belongs to its parent",
            in_child=self._forget,
        )

    def add(self, app: A) -> None:
        self._all.add(app)

    def live(self) -> list[A]:
        """Those that have an engine, or will have one, and are not closed."""
        return [app for app in list(self._all) if app.has_engine and not app.is_closed]

    def _forget(self) -> None:
        for app in list(self._all):
            app.forget()
        self.innermost = None
