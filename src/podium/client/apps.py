"""The apps of this process: the sessions of all that live, and which app is meant by who names none."""

from __future__ import annotations

import weakref
from typing import Any, Generic, Protocol, TypeVar

from .. import changes
from ..executors import Attempt, current_attempt


class Member(Protocol):
    """What the session of an app shows here."""

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
        self._parents: weakref.WeakSet[Member] = weakref.WeakSet()  # what a forked process has inherited
        self._entered: list[tuple[A, Attempt | None]] = []  # open `with` blocks, and the task of each
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

    def enter(self, app: A) -> None:
        """A `with` block of it begins."""
        self._entered.append((app, current_attempt.get()))

    def leave(self, app: A) -> None:
        """It is over; so are its other blocks, and what was entered since is as it was."""
        self._entered[:] = [one for one in self._entered if one[0] is not app]

    def current(self) -> A | None:
        """In a task the app that runs it, unless the task has entered another one: what is open elsewhere in
        the process, the store of another program for instance, has nothing to do with its run. Outside of
        tasks that of the innermost block."""
        attempt = current_attempt.get()
        for app, task in reversed(self._entered):
            if task is attempt:
                return app
        if (app := self.of_task()) is not None:
            return app
        return self._entered[-1][0] if self._entered else None

    def of_task(self) -> Any:
        """The app whose engine runs this task; None outside of tasks, and in other processes than that."""
        attempt = current_attempt.get()
        home: Any = None if attempt is None else attempt.services.home
        return None if home is None or home.session in self._parents else home

    def _forget(self) -> None:
        for session in list(self._all):
            session.forget()
            self._parents.add(session)
        self._entered.clear()
