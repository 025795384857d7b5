"""What the engine needs of a loop: asyncio's own has it, and so has the simulator's virtual one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class Reactor(Protocol):
    """Callbacks soon or later, all in one thread. Delays in seconds."""

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Any: ...

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> Any: ...

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Cancellable: ...


class Lane(Protocol):
    """Does one store call at a time away from the reactor; `then` gets (result, error) back on it."""

    def do(self, call: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None: ...

    def close(self) -> None: ...
