"""What an executor is: to the engine that gives it attempts, and to the app that is told how to make it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..env import Env
from .attempt import Attempt, Ended


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class Reactor(Protocol):
    """Callbacks soon or later, all in one thread: the engine's loop, or a simulator's. Delays in seconds."""

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Any: ...

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> Any: ...

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Cancellable: ...


class FileReactor(Reactor, Protocol):
    """One that waits for files, too, as an engine's does. A callback may come although there is nothing."""

    def add_reader(self, descriptor: int, callback: Callable[..., Any], /) -> Any: ...

    def remove_reader(self, descriptor: int, /) -> Any: ...

    def add_writer(self, descriptor: int, callback: Callable[..., Any], /) -> Any: ...

    def remove_writer(self, descriptor: int, /) -> Any: ...


class AttemptRunner(Protocol):
    """Runs attempts and answers each, once, with an `Ended`; a cancelled one need not be answered."""

    def submit(self, attempt: Attempt) -> None: ...

    def cancel(self, attempt: Attempt) -> None: ...


class Executor(AttemptRunner, Protocol):
    """One that an app can be given by name. `submit` and `cancel` are called on the reactor's thread and must
    not wait; an answer may come from any thread. It keeps `attempt.function.timeout` itself."""

    def close(self) -> None:
        """End what still runs and let go of what was opened; after the reactor has ended."""
        ...


BUILT_IN = frozenset({"loop", "threads", "processes"})  # names that no app can give to another

# `App(executors={"name": factory})`: called once, with the clock, the engine's loop and what takes answers.
ExecutorFactory = Callable[[Env, Reactor, Callable[[Ended], None]], Executor]
