"""What a workflow's body emits and publishes, in its turns: nothing of it is an entry.

A turn that is replayed from its entry has gone out in the Write of that entry, so what it says again is let
go. The first turn has no entry, and those of a past that was copied are another run's: what they say goes out
at every replay, and the store knows it by its place.
"""

from __future__ import annotations

from ..model import PublishedValue, StreamChunk


class BodyStreams:
    """The part of one machine's verbs that says something. `turn`: the entry that the body was told last.

    A base of `Verbs`, so that it is no object of its own: each run would have one more, and most say nothing.
    """

    def __init__(self) -> None:
        self.turn = self._turn = self._base = self._copied = self._recorded = 0
        self._ordinal = 0  # of the last chunk of `_turn`
        self.chunks: dict[tuple[int, int], StreamChunk] = {}  # by turn and ordinal, since the engine looked
        self.values: dict[str, PublishedValue] = {}
        self.has_news = False  # something is to be written

    def begin(self, base: int, copied: int, recorded: int) -> None:
        """The first turn is about to come. `base`: entries of earlier generations; `copied`: entries of
        another run; `recorded`: entries that are there."""
        self.turn = self._base = base
        self._copied, self._recorded = copied, recorded

    def clear(self) -> None:
        """What there was is on its way."""
        self.chunks.clear()
        self.values.clear()
        self.has_news = False

    @property
    def _is_news(self) -> bool:
        """Whether no Write of this run is known to hold what this turn says."""
        return self.turn > self._recorded or self.turn == self._base or self.turn <= self._copied

    def _emit(self, name: str, payload: bytes, at: float) -> None:
        turn = self.turn
        if self._turn != turn:
            self._turn, self._ordinal = turn, 0
        self._ordinal += 1
        if self._is_news:
            chunk = StreamChunk(name, payload, at, turn=turn, ordinal=self._ordinal)
            self.chunks[turn, self._ordinal] = chunk
            self.has_news = True

    def _publish(self, name: str, payload: bytes, at: float) -> None:
        if self._is_news:
            self.values[name] = PublishedValue(name, payload, at, turn=self.turn)
            self.has_news = True
