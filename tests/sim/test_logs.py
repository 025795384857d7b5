"""Lines in simulated worlds: every body says its stamp; none is doubled, or lost while its outcome is not."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from podium.engine import readback
from podium.executors import Attempt, capture
from podium.model import Kind, Write
from podium.testing.executor import Invocation
from podium.testing.monitor import EVERYTHING, Monitor
from tests.sim.looks import Look
from tests.sim.worlds import draw_setting

SEEDS = range(200)
OUTCOMES = (Kind.RESULT, Kind.ERROR, Kind.RETRY)


def says_its_stamp(attempt: Attempt, invocation: Invocation) -> None:
    capture.line(attempt, 0, str(invocation.stamp))


def look_at_lines(monitor: Monitor) -> None:
    said = {invocation.stamp: invocation for invocation in monitor.ledger}
    for row in monitor._store.find(EVERYTHING):
        lines = monitor._store.logs(row.id, 0, 10_000)
        stamps = [int(line.text) for line in lines]
        monitor.check("each once", len(stamps) == len(set(stamps)), f"run {row.id}: {stamps}")
        numbered = [line.n for line in lines] == list(range(1, row.logs + 1))
        monitor.check("numbered without a gap", numbered, f"run {row.id}: {lines}")
        for line, stamp in zip(lines, stamps, strict=True):
            by = said[stamp]
            mine = (by.run, by.step, by.attempt) == (row.id, line.step, line.attempt)
            monitor.check("by whom it was said", mine, f"{line} is of {by}")
        spoken = {(line.step, line.attempt) for line in lines}
        for entry in monitor._store.history(row.id, 0, 10_000):
            if entry.kind in OUTCOMES:
                there = (entry.step, entry.attempt) in spoken
                monitor.check("with its outcome", there, f"run {row.id}: nothing said by {entry}")


LINES = Look(says_its_stamp, look_at_lines, draw_setting)


@pytest.mark.slow
def test_lines_come_with_their_outcomes_each_once() -> None:
    assert LINES.count(SEEDS, "with its outcome") > 500


def test_a_readback_that_overlooks_lines_is_caught() -> None:
    left_a_trace = readback._Traces.left_a_trace

    def overlooks(traces: readback._Traces, write: Write) -> bool:
        return bool(write.entries or write.move) and left_a_trace(traces, write)

    with patch.object(readback._Traces, "left_a_trace", overlooks):
        assert LINES.catches(SEEDS)
