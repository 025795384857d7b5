"""Everybody stands still for longer than a lease, as on a laptop that sleeps: nobody is taken for dead."""

from __future__ import annotations

import signal
import time

import pytest

from podium.engine.ownership import NoLocks, Ownership
from podium.store.sqlite import SqliteStore
from tests.chaos.theatre import Theatre
from tests.chaos.witness import View
from tests.store.words import engine

LEASE = 0.5


def test_a_host_that_sleeps_for_leases_wakes_up_with_everybody_alive(theatre: Theatre) -> None:
    processes = [theatre.start(gate, lease=LEASE) for gate in ("a", "b", "c")]
    runs = [theatre.at_the_gate(process, gate) for process, gate in zip(processes, "abc", strict=True)]
    for pause in (0.9 * LEASE, 1.1 * LEASE, 3 * LEASE):
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        time.sleep(pause)  # the pause itself is what is tested
        for process in processes:
            process.send_signal(signal.SIGCONT)
        time.sleep(LEASE)
    for gate in "abc":
        theatre.open(gate)
    for process in processes:
        code, out, err = theatre.ends(process)
        assert (code, len(out.split()), err) == (0, 3, "")
    view = View(theatre.store)
    assert [view.runs[run][:3] for run in runs] == [("succeeded", 1, 0)] * 3


class Clock:
    """Monotonic time by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time


@pytest.mark.parametrize("pause", [0.5, 0.7, 0.95, 1.0, 1.05, 1.3, 3.0, 30.0])
@pytest.mark.parametrize("phase", [0.0, 0.1, 0.2, 0.3])
def test_a_pause_of_everybody_condemns_nobody_whoever_wakes_up_first(phase: float, pause: float) -> None:
    """Two engines with a lease of 1 that beat every third of it; a locked store or a sleep stops both."""
    store, clock = SqliteStore(":memory:"), Clock()
    store.migrate()
    views = {}
    for id in ("e1", "e2"):
        store.announce(engine(id))
        views[id] = Ownership(store, id, clock, NoLocks(), 1.0)
    moments = sorted(
        [(beat / 3, "e1") for beat in range(12)] + [(beat / 3 + phase, "e2") for beat in range(12)]
    )
    for moment, id in moments:
        clock.time = moment if moment < 1.5 else moment + pause
        assert views[id].beat()
        views[id].observe()
    assert {row.id for row in store.engines()} == {"e1", "e2"}
    clock.time += 0.1
    for _ in range(5):  # and yet: one that stays away alone is noticed, and not much later than after a lease
        assert views["e1"].beat()
        views["e1"].observe()
        clock.time += 1 / 3
    assert {row.id for row in store.engines()} == {"e1"}
    store.close()
