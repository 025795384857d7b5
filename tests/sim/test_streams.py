"""Streams in simulated worlds: no chunk is doubled, or lost while what came of it is on record."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest

from podium import codec
from podium.engine.attempts import Attempts
from podium.executors import Attempt
from podium.machine import BodyStreams
from podium.model import Kind
from podium.testing.executor import Invocation
from podium.testing.monitor import EVERYTHING, Monitor
from tests.sim.looks import Look
from tests.sim.programs import number
from tests.sim.worlds import streams_setting

SEEDS = range(150)
OUTCOMES = (Kind.RESULT, Kind.ERROR, Kind.RETRY)
CHUNKS = 3  # of each attempt


def emits_its_stamp(attempt: Attempt, invocation: Invocation) -> None:
    if attempt.services.streams is not None:
        for n in range(CHUNKS):
            attempt.services.streams.emit(attempt, "task", codec.encode([invocation.stamp, n]))


def look_at_streams(monitor: Monitor) -> None:
    store = monitor._store
    for row in store.find(EVERYTHING):
        body = [codec.decode(chunk.payload) for chunk in store.chunks(row.id, "body", 0, 10_000)]
        monitor.check("the body's each once, in order", body == list(range(len(body))), f"{row.id}: {body}")
        chunks = store.chunks(row.id, "task", 0, 10_000)
        numbered = [chunk.n for chunk in chunks] == list(range(1, len(chunks) + 1))
        monitor.check("numbered without a gap", numbered, f"run {row.id}: {chunks}")
        said: dict[tuple[str, int], list[list[int]]] = {}
        for chunk in chunks:
            said.setdefault((chunk.step, chunk.attempt), []).append(codec.decode(chunk.payload))
        for place, values in said.items():
            whole = [[values[0][0], n] for n in range(len(values))]
            monitor.check("of one execution, in order", values == whole, f"run {row.id}, {place}: {values}")
        entries = store.history(row.id, 0, 10_000)
        for entry in entries:
            if entry.kind in OUTCOMES and entry.attempt:
                there = len(said.get((entry.step, entry.attempt), [])) == CHUNKS
                monitor.check("with its outcome", there, f"run {row.id}: {said} of {entry}")
            if entry.kind is Kind.RESULT:
                stamp, by = number(codec.decode(entry.payload)), said[entry.step, entry.attempt][0][0]
                monitor.check("of the execution that counts", stamp == by, f"run {row.id}: {by}, {entry}")
        results = [entry for entry in entries if entry.kind is Kind.RESULT]
        values = {value.name: codec.decode(value.payload) for value in store.values(row.id)}
        if results or row.state.is_final:
            stage = values.get("stage")
            monitor.check("published with its turn", stage == len(results), f"{row.id}: {values}, {entries}")
            monitor.check("emitted with its turn", len(body) == 2 * len(results) + 1, f"{row.id}: {body}")


STREAMS = Look(emits_its_stamp, look_at_streams, streams_setting)


@pytest.mark.slow
def test_chunks_are_there_once_and_with_what_came_of_them() -> None:
    assert STREAMS.count(SEEDS, "with its outcome") > 250


def replay_emits_again(stack: ExitStack) -> None:
    emit, places = BodyStreams._emit, itertools.count(1_000)

    def again(self: BodyStreams, name: str, payload: bytes, at: float) -> None:
        turn, self._recorded, self.turn = self.turn, 0, next(places)
        emit(self, name, payload, at)
        self.turn = turn

    stack.enter_context(patch.object(BodyStreams, "_emit", again))


def attempts_share_a_number(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Attempts, "remember_progress", lambda *_: None))


@pytest.mark.slow
@pytest.mark.parametrize("plant", [replay_emits_again, attempts_share_a_number])
def test_a_planted_bug_is_caught(plant: Any) -> None:
    with ExitStack() as stack:
        plant(stack)
        assert STREAMS.catches(SEEDS)
