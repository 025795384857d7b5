"""Commits that are sent, and answered later: who is told what, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from podium.engine import committer as module
from podium.engine.committer import Committer
from podium.errors import StoreUnavailable
from podium.model import Outcome, StepWrite, Verdict, Write

STEP, START = StepWrite(), Write()
DONE = Verdict(Outcome.DONE)


class Source:
    """Gives one write each time that it is touched, and says what it was told."""

    def __init__(self, house: House, name: str, write: Write = STEP) -> None:
        self.name, self.write, self._house = name, write, house

    def take_write(self) -> Write | None:
        return self.write

    def committed(self, write: Write, verdict: Verdict) -> None:
        self._house.told.append(self.name)


class Sent:
    """A commit on its way, which goes as far as the test lets it."""

    descriptor, silence = 7, 10.0

    def __init__(self, count: int, wake: Callable[[], object]) -> None:
        self.wake = wake
        self.is_over = self.is_lost = self.is_unsent = False
        self.answer: list[Verdict] | Exception | None = [DONE] * count

    def advance(self) -> bool:
        return self.is_over

    def lose(self) -> None:
        self.is_over = self.is_lost = True
        self.answer = StoreUnavailable("silent")
        self.answer.unknown = True

    def verdicts(self) -> list[Verdict] | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class House:
    """A committer whose store is far: loop, timers and writer do what the test lets them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.sent: list[Sent] = []
        self.is_unsent = False
        self.ready: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.timers: list[SimpleNamespace] = []
        self.readers: dict[int, Callable[[], None]] = {}
        self.writers: dict[int, Callable[[], None]] = {}
        self.jobs: list[tuple[Callable[[], Any], Callable[..., None]]] = []
        self.fatal: list[BaseException] = []
        store: Any = SimpleNamespace(
            near=False, send=self._send, commit=self._commit, checkpoint_due=lambda: False
        )
        env: Any = SimpleNamespace(monotonic=lambda: 1.0, uniform=lambda low, high: high)
        reactor: Any = SimpleNamespace(
            call_soon=self._soon,
            call_soon_threadsafe=self._soon,
            call_later=self._later,
            add_reader=self.readers.__setitem__,
            remove_reader=self.readers.pop,
            add_writer=self.writers.__setitem__,
            remove_writer=self.writers.pop,
        )
        writer: Any = SimpleNamespace(do=lambda call, then: self.jobs.append((call, then)))
        self.committer = Committer(store, "me", env, reactor, writer, self.fatal.append)

    def _send(self, engine: str, writes: Sequence[Write], wake: Callable[[], object]) -> Sent:
        sent = Sent(len(writes), wake)
        sent.is_unsent = self.is_unsent
        self.sent.append(sent)
        self.told.append(f"sent {len(writes)}")
        return sent

    def _commit(self, engine: str, writes: Sequence[Write]) -> list[Verdict]:
        self.told.append(f"committed {len(writes)}")
        return [DONE] * len(writes)

    def _soon(self, act: Callable[..., None], *args: Any) -> None:
        self.ready.append((act, args))

    def _later(self, delay: float, act: Callable[..., None], *args: Any) -> SimpleNamespace:
        timer = SimpleNamespace(act=act, args=args, is_cancelled=False)
        timer.cancel = lambda: setattr(timer, "is_cancelled", True)
        self.timers.append(timer)
        return timer

    def touch(self, *sources: Source) -> None:
        for source in sources:
            self.committer.touch(source)
        self.run()

    def turn(self) -> None:
        """One of the loop."""
        ready, self.ready = self.ready, []
        for act, args in ready:
            act(*args)

    def run(self) -> None:
        while self.ready:
            self.turn()

    def answer(self) -> None:
        """That of the last commit comes."""
        self.sent[-1].is_over = True
        self.readers[7]()

    def time_passes(self) -> None:
        """All timers go off."""
        timers, self.timers = self.timers, []
        for timer in timers:
            if not timer.is_cancelled:
                timer.act(*timer.args)

    def write(self) -> None:
        """The writer does what it has to."""
        jobs, self.jobs = self.jobs, []
        for call, then in jobs:
            then(call(), None)


@pytest.fixture
def house() -> House:
    return House()


def sources(house: House, count: int, name: str = "s") -> list[Source]:
    return [Source(house, f"{name}{n}") for n in range(count)]


def test_of_a_large_commit_one_half_is_told_after_the_other_has_sent_its_next(house: House) -> None:
    many = sources(house, 20)
    house.touch(*many)
    house.answer()
    assert house.told == ["sent 20", *(f"s{n}" for n in range(10))]
    assert not house.committer.idle, "somebody is still to be told"
    for source in many[:10]:
        house.committer.touch(source)
    house.turn()
    house.turn()
    assert house.told[11:] == ["sent 10", *(f"s{n}" for n in range(10, 20))]
    house.answer()
    house.run()
    assert house.committer.idle


def test_a_small_commit_is_told_whole(house: House) -> None:
    house.touch(*sources(house, 15))
    house.answer()
    assert len(house.told) == 16


def test_starts_and_refusals_are_told_first_and_at_once(house: House) -> None:
    many = sources(house, 20)
    many[18].write = START
    house.touch(*many)
    house.sent[0].answer = [DONE] * 19 + [Verdict(Outcome.REFUSED)]
    house.answer()
    assert house.told[1:4] == ["s18", "s19", "s0"]
    house.run()
    assert sorted(house.told[1:]) == sorted(source.name for source in many)


def test_who_has_gathered_meanwhile_is_sent_before_the_others_are_told(house: House) -> None:
    house.touch(*sources(house, 20))
    house.touch(*sources(house, 20, "other"))
    house.answer()
    assert house.told == ["sent 20", "sent 20", *(f"s{n}" for n in range(20))]


def test_who_is_woken_by_another_thread_takes_the_answer_once(house: House) -> None:
    house.touch(Source(house, "s"))
    house.sent[0].is_over = True
    house.sent[0].wake()
    house.sent[0].wake()
    house.run()
    assert house.told == ["sent 1", "s"]
    assert house.readers == {}


def test_what_has_not_gone_out_waits_until_it_can_be_written(house: House) -> None:
    house.is_unsent = True
    house.touch(Source(house, "s"))
    house.writers[7]()
    assert house.writers
    house.sent[0].is_unsent = False
    house.writers[7]()
    assert house.writers == {}
    house.answer()
    assert house.told == ["sent 1", "s"]


def test_what_none_of_was_made_is_committed_by_the_writer(house: House) -> None:
    house.touch(Source(house, "s"))
    house.sent[0].answer = None
    house.answer()
    assert not house.committer.idle
    house.write()
    assert house.told == ["sent 1", "committed 1", "s"]


def test_a_silent_server_is_given_up_and_asked_what_became_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.touch(Source(house, "s"))
    house.readers[7]()  # something came, so it is not silent yet
    house.time_passes()
    assert not house.sent[0].is_lost
    house.time_passes()
    assert house.sent[0].is_lost
    assert house.readers == {}
    asked: list[Sequence[Write]] = []
    monkeypatch.setattr(module, "read_back", lambda store, engine, writes: asked.append(writes) or [DONE])
    house.time_passes()  # the pause after a failure
    house.write()
    assert [len(writes) for writes in asked] == [1]
    assert house.told == ["sent 1", "s"]


def test_an_answer_in_time_ends_the_wait_for_silence(house: House) -> None:
    house.touch(Source(house, "s"))
    house.answer()
    assert [timer.is_cancelled for timer in house.timers] == [True]
