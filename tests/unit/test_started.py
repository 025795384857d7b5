"""A start's id: its future is made for who asks, and answered whoever comes first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from podium.client.starting import Started
from podium.errors import IdConflict


def test_who_asks_before_the_answer_and_who_asks_after_it_have_one_future() -> None:
    started = Started()
    before = started.id
    assert not before.done()
    assert not started.is_answered
    started.answered("r1")
    assert started.id is before
    assert before.result(timeout=0) == "r1"


def test_a_failed_start_tells_why_also_later() -> None:
    started = Started()
    started.answered(IdConflict("taken", fix="another"))
    with pytest.raises(IdConflict, match="taken"):
        started.id.result(timeout=0)


def test_nobody_is_left_waiting_where_asking_and_answering_meet() -> None:
    with ThreadPoolExecutor(4) as threads:
        for _ in range(300):
            started, gate = Started(), threading.Barrier(4)

            def ask(started: Started = started, gate: threading.Barrier = gate) -> str:
                gate.wait(timeout=10)
                return started.id.result(timeout=10)

            def answer(started: Started = started, gate: threading.Barrier = gate) -> None:
                gate.wait(timeout=10)
                started.answered("r1")

            asked = [threads.submit(ask) for _ in range(3)]
            threads.submit(answer).result(timeout=20)
            assert [one.result(timeout=20) for one in asked] == ["r1"] * 3
