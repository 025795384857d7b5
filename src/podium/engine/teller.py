"""Tells sources what became of what they wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..executors.protocol import Reactor
from ..model import Verdict, Write
from .gc_pause import gc_paused
from .sources import Source

Judged = tuple[Source, Write, Verdict]


class Teller:
    """At once, or soon. `failed` gets what goes wrong in it; `told` is called after what was told soon."""

    def __init__(
        self, reactor: Reactor, failed: Callable[[str, Exception], None], told: Callable[[], None]
    ) -> None:
        self._reactor, self._failed, self._told = reactor, failed, told
        self._untold: list[Judged] = []

    @property
    def idle(self) -> bool:
        """Nobody is still to be told anything."""
        return not self._untold

    def tell(self, what: Iterable[Judged]) -> None:
        """Now, all of them."""
        failures: list[Exception] = []
        for source, write, verdict in what:
            try:
                source.committed(write, verdict)
            except Exception as error:  # of one of them; the others rest on this commit as well
                failures.append(error)
        for error in failures:
            self._failed("what follows from a commit failed", error)

    def tell_soon(self, what: list[Judged]) -> None:
        """After all that has been asked for by now, and what comes of that: two turns of the loop."""
        if what and not self._untold:
            self._reactor.call_soon(self._reactor.call_soon, self._tell_rest)
        self._untold += what

    def _tell_rest(self) -> None:
        what, self._untold = self._untold, []
        with gc_paused():
            self.tell(what)
        self._told()
