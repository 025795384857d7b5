"""Who is taken for dead: silence for a lease, seen by one who was awake all the while."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from podium.engine.ownership import NoLocks, Ownership
from podium.env import RealEnv
from podium.errors import StoreError, StoreUnavailable
from podium.model import EngineRow
from podium.store import Store, open_store

LEASE = 9.0


class Clock(RealEnv):
    """Time passes when it is told to."""

    seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


class Pair:
    """This engine, and another one that it watches."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, Clock()
        for id in ("me", "other"):
            store.announce(EngineRow(id, 0, "here", 1, 1.0))
        self.me = Ownership(store, "me", self.clock, NoLocks(), LEASE)
        self.pass_by(0.0)

    def pass_by(self, seconds: float) -> bool:
        """Time passes, then the usual look around; whether the other is still there."""
        self.clock.seconds += seconds
        assert self.me.beat()
        self.me.observe()
        return "other" in [row.id for row in self.store.engines()]


@pytest.fixture
def pair() -> Iterator[Pair]:
    store = open_store("sqlite:///:memory:")
    store.migrate()
    yield Pair(store)
    store.close()


def test_silence_for_a_lease_is_death(pair: Pair) -> None:
    assert [pair.pass_by(3.0) for _ in range(4)] == [True, True, True, False]


def test_any_beat_is_life(pair: Pair) -> None:
    for _ in range(10):
        pair.store.heartbeat("other")
        assert pair.pass_by(3.0)


@pytest.mark.parametrize("pause", [6.5, 60.0])
def test_who_was_away_begins_to_count_anew(pair: Pair, pause: float) -> None:
    assert pair.pass_by(3.0)
    assert pair.pass_by(pause), "whatever held us up may have held up the other"
    assert [pair.pass_by(3.0) for _ in range(4)] == [True, True, True, False]


def test_who_cannot_renew_judges_nobody(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bool:
        raise StoreUnavailable("locked")

    with monkeypatch.context() as patch:
        patch.setattr(pair.store, "heartbeat", refuse)
        for _ in range(5):
            assert pair.pass_by(3.0)
    assert pair.pass_by(0.0), "the first renewal after that begins anew"


def test_what_no_time_mends_is_told_once(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trouble: list[StoreError] = [StoreUnavailable("locked")]

    def refuse(*_: object) -> int:
        raise trouble[-1]

    monkeypatch.setattr(pair.store, "release", refuse)
    assert pair.pass_by(1.0)
    assert caplog.messages == []
    trouble.append(StoreError("no such column: losses.at"))
    assert all(pair.pass_by(3.0) for _ in range(4))
    (line,) = caplog.messages
    assert "nor free what the dead left: no such column: losses.at" in line


def test_an_engine_without_a_row_is_condemned(pair: Pair) -> None:
    (me, _) = pair.store.engines()
    pair.store.release({me.id: me.beat}, 0.0)
    assert not pair.me.beat()
    assert pair.me.condemned
