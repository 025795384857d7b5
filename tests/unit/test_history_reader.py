"""Histories are read off the driving thread, together, and fed in slices between which others move."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from podium.engine.history_reader import PAGE, SLICE, HistoryReader
from podium.errors import InternalError, StoreUnavailable
from podium.model import Entry, Head, Kind


class Loop:
    """A reactor and a lane whose callbacks wait until they are let go."""

    def __init__(self) -> None:
        self.ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.jobs = 0

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self.ready.append((callback, args))

    def do(self, call: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None:
        self.jobs += 1
        try:
            self.call_soon(then, call(), None)
        except Exception as error:
            self.call_soon(then, None, error)

    def step(self) -> None:
        callback, args = self.ready.popleft()
        callback(*args)

    def run(self) -> None:
        while self.ready:
            self.step()


class Histories:
    """A store that has nothing else."""

    def __init__(self, lengths: dict[str, int]) -> None:
        self.lengths = lengths
        self.error: Exception | None = None

    def history(self, run: str, after: int, limit: int) -> list[Entry]:
        if self.error is not None:
            raise self.error
        last = min(after + limit, self.lengths[run])
        return [Entry(seq, Kind.TICK, 0.0) for seq in range(after + 1, last + 1)]


def head(run: str, entries: int) -> Head:
    return Head(run, "app:f", 1, b"", b"", 0.0, 0.0, entries=entries)


class Replay:
    """What one run was fed, and how that ended."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.seqs: list[int] = []
        self.slices: list[int] = []
        self.done: list[BaseException | None] = []
        self._stop_after = stop_after

    def feed(self, entries: Sequence[Entry]) -> bool:
        self.seqs += [entry.seq for entry in entries]
        self.slices.append(len(entries))
        return self._stop_after is None or len(self.seqs) < self._stop_after


def reader(lengths: dict[str, int]) -> tuple[HistoryReader, Loop, Histories]:
    loop, store = Loop(), Histories(lengths)
    parts: Any = (store, loop, loop)
    return HistoryReader(*parts), loop, store


def test_a_long_history_comes_in_order_and_in_slices() -> None:
    length = PAGE + SLICE + 7
    reading, loop, _ = reader({"long": length})
    replay = Replay()
    reading.read(head("long", length), replay.feed, replay.done.append)
    loop.run()
    assert replay.seqs == list(range(1, length + 1))
    assert max(replay.slices) == SLICE
    assert replay.done == [None]
    assert loop.jobs == 2


def test_between_two_slices_others_have_their_turn() -> None:
    reading, loop, _ = reader({"long": PAGE})
    replay = Replay()
    reading.read(head("long", PAGE), replay.feed, replay.done.append)
    loop.step()
    seen: list[int] = []
    loop.call_soon(lambda: seen.append(len(replay.seqs)))
    loop.run()
    assert seen == [2 * SLICE], "not after all of them"


def test_no_further_than_the_claim_saw() -> None:
    reading, loop, _ = reader({"run": 9})
    replay = Replay()
    reading.read(head("run", 5), replay.feed, replay.done.append)
    loop.run()
    assert replay.seqs == [1, 2, 3, 4, 5]


def test_what_comes_in_together_is_read_together() -> None:
    names = [f"run{n}" for n in range(20)]
    reading, loop, _ = reader(dict.fromkeys(names, 3))
    replays = {name: Replay() for name in names}
    for name, replay in replays.items():
        reading.read(head(name, 3), replay.feed, replay.done.append)
    loop.run()
    assert all(replay.seqs == [1, 2, 3] and replay.done == [None] for replay in replays.values())
    assert loop.jobs == 2, "the first at once, all others with the next"


def test_a_replay_that_has_stopped_is_fed_no_more() -> None:
    reading, loop, _ = reader({"run": PAGE})
    replay = Replay(stop_after=SLICE)
    reading.read(head("run", PAGE), replay.feed, replay.done.append)
    loop.run()
    assert (len(replay.seqs), replay.done) == (SLICE, [])


@pytest.mark.parametrize("error", [StoreUnavailable("held"), None])
def test_a_history_that_cannot_be_read_is_told_to_all_who_wait(error: StoreUnavailable | None) -> None:
    reading, loop, store = reader({"run": 0, "other": 3})
    store.error = error
    replay = Replay()
    reading.read(head("run", 3), replay.feed, replay.done.append)
    loop.run()
    (told,) = replay.done
    assert told is error if error is not None else isinstance(told, InternalError)
    store.error = None
    other = Replay()
    reading.read(head("other", 3), other.feed, other.done.append)
    loop.run()
    assert other.done == [None], "the next one is read all the same"


@pytest.mark.parametrize("at", [1, SLICE + 1], ids=["at once", "in a later turn"])
def test_what_goes_wrong_with_one_run_is_told_of_that_and_others_go_on(at: int) -> None:
    length, trouble = 2 * SLICE, MemoryError()
    reading, loop, _ = reader({"first": 1, "bad": length, "good": length})
    replays = {name: Replay() for name in ("first", "bad", "good")}

    def feed(entries: Sequence[Entry]) -> bool:
        if any(entry.seq == at for entry in entries):
            raise trouble
        return True

    for name, replay in replays.items():
        entries = 1 if name == "first" else length
        reading.read(head(name, entries), feed if name == "bad" else replay.feed, replay.done.append)
    loop.run()
    assert loop.jobs == 2, "both are read together"
    assert replays["bad"].done == [trouble]
    assert (len(replays["good"].seqs), replays["good"].done) == (length, [None])


def test_a_run_that_cannot_go_on_after_its_last_entry_is_told_so() -> None:
    reading, loop, _ = reader({"first": 1, "bad": 1, "good": 1})
    told: list[BaseException | None] = []
    trouble, good = StoreUnavailable("held"), Replay()

    def goes_on(error: BaseException | None) -> None:
        told.append(error)
        if error is None:
            raise trouble

    reading.read(head("first", 1), Replay().feed, lambda _: None)
    reading.read(head("bad", 1), Replay().feed, goes_on)
    reading.read(head("good", 1), good.feed, good.done.append)
    loop.run()
    assert told == [None, trouble]
    assert good.done == [None]
