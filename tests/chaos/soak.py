"""A fleet at half of what it can do, with faults, for as long as one likes: nothing may grow."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from podium.store.sqlite.connection import WAL_BYTES_MAX
from tests.chaos.storm import Plan, Storm

SAMPLE_SECONDS = 5.0
WARM_UP = 0.25  # share of the time that is not judged
PROBE_RUNS = 300  # started at once, to see what the fleet can do
KINDS = {"kill": 4.0, "freeze": 2.0, "busy": 2.0, "nap": 1.0, "clock": 1.0, "full": 1.0}
# What a measure may gain by its slope in the whole soak; memory breathes, descriptors and threads hardly do.
LIMITS = {"memory": 20e6, "descriptors": 2.0, "threads": 2.0, "file per run": 200.0}
LOG_BYTES_MAX = WAL_BYTES_MAX * 1.25  # it breathes up to where the store cuts it back, and a little beyond


class Soak(Storm):
    """The first worker is never killed; it, the file and the log are weighed every few seconds."""

    def __init__(self, minutes: float, folder: Path, chance: random.Random, kinds: dict[str, float]) -> None:
        super().__init__(Plan(0, 0, kinds, pause=(2.0, 10.0), spared=1), folder, chance)
        self._minutes = minutes
        self._rate = 0.0
        self._began = self._until = self._sampled = 0.0
        self.samples: dict[str, list[tuple[float, float]]] = {name: [] for name in (*LIMITS, "log")}

    def probe(self) -> float:
        """Runs per second that the fleet can do."""
        began = time.monotonic()
        self.feeder.allow(PROBE_RUNS)
        while len(self.observer.ended) < PROBE_RUNS:
            self.wait(0.1)
        self._rate = PROBE_RUNS / (time.monotonic() - began)
        self._began = time.monotonic()
        self._until = self._began + 60.0 * self._minutes
        return self._rate

    def _is_raging(self) -> bool:
        return time.monotonic() < self._until

    def _runs_by_now(self) -> int:
        return PROBE_RUNS + round((time.monotonic() - self._began) * self._rate / 2)

    def _runs_at_the_end(self) -> int:
        return self.feeder.allowed

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        if self._began:
            self.feeder.allow(self._runs_by_now() if self._is_raging() else 0)
            if time.monotonic() - self._sampled >= SAMPLE_SECONDS:
                self._sampled = time.monotonic()
                self._sample()

    def _sample(self) -> None:
        process = psutil.Process(self.fleet.members[0].process.pid)
        log = self.fleet.store.with_name(f"{self.fleet.store.name}-wal")
        looks: dict[str, Callable[[], float]] = {
            "memory": lambda: process.memory_info().rss,
            "descriptors": process.num_fds,
            "threads": process.num_threads,
            "log": lambda: log.stat().st_size,
            "file per run": lambda: self.fleet.store.stat().st_size / max(1, self.observer.started),
        }
        for name, look in looks.items():
            self.samples[name].append((time.monotonic() - self._began, look()))

    def weigh(self) -> tuple[list[str], list[str]]:
        """How each measure went after the warm-up, and which of them grow too fast."""
        lines: list[str] = []
        growing: list[str] = []
        for name, samples in self.samples.items():
            warm = [sample for sample in samples if sample[0] > WARM_UP * 60 * self._minutes]
            hourly = slope(warm) * 3600
            values = [value for _, value in warm] or [0.0]
            lines.append(f"{name}: {min(values):,.0f} to {max(values):,.0f}, slope {hourly:+,.1f} per hour")
            # A short soak sees the breath, not the growth: what counts is what it came to.
            gain = hourly * self._minutes / 60 * (1 - WARM_UP)
            grows = statistics.median(values) > LOG_BYTES_MAX if name == "log" else gain > LIMITS[name]
            if grows:
                growing.append(f"grows: {lines[-1]}")
        return lines, growing


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line through these points that fits best."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
