"""What another thread answers once: whoever comes first, all who ask have it, in a thread or in a loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from podium.client.loop_wakeup import wait_in_loop
from podium.client.told import Told
from podium.errors import IdConflict


def test_who_asks_before_the_answer_and_who_asks_after_it_have_it() -> None:
    told, heard = Told[str](), list[str]()
    told.add_done_callback(lambda done: heard.append(f"first {done.result()}"))
    told.add_done_callback(lambda done: heard.append(f"second {done.result()}"))
    assert not told.done()
    assert heard == []
    told.tell("r1")
    told.tell("r2")
    told.add_done_callback(lambda done: heard.append(f"late {done.result()}"))
    assert told.done()
    assert heard == ["first r1", "second r1", "late r1"]
    assert (told.result(), told.result(timeout=0), told.exception()) == ("r1", "r1", None)


def test_who_fails_at_an_answer_keeps_it_from_no_other_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told, heard = Told[str](), list[str]()

    def fail(_: object) -> None:
        raise RuntimeError("the loop of this one is closed")

    told.add_done_callback(fail)
    told.add_done_callback(lambda done: heard.append(done.result()))
    told.tell("r1")
    assert heard == ["r1"]
    told.add_done_callback(fail)
    assert [(one.name, one.levelname) for one in caplog.records] == [("podium", "ERROR")] * 2
    assert "the loop of this one is closed" in caplog.text


def test_a_failure_tells_why_also_later() -> None:
    told = Told[str]()
    told.tell(IdConflict("taken", fix="another"))
    for _ in range(2):
        with pytest.raises(IdConflict, match="taken"):
            told.result(timeout=0)
    assert isinstance(told.exception(), IdConflict)


def test_who_waits_no_longer_than_so_long_is_told_that() -> None:
    told = Told[str]()
    for timeout in (0, -1, 0.001):
        with pytest.raises(TimeoutError):
            told.result(timeout)
    assert [kept for kept in gc.get_referents(told) if isinstance(kept, list)] == [[]]  # they have gone away
    told.tell("r1")
    assert told.result() == "r1"


def test_nobody_is_left_waiting_where_asking_and_answering_meet() -> None:
    with ThreadPoolExecutor(4) as threads:
        for _ in range(300):
            told, gate, called = Told[str](), threading.Barrier(4), list[object]()

            def ask(told: Told[str] = told, gate: threading.Barrier = gate) -> str:
                gate.wait(timeout=10)
                return told.result(timeout=10)

            def ask_in_a_loop(told: Told[str] = told, gate: threading.Barrier = gate) -> str:
                async def ask() -> str:
                    gate.wait(timeout=10)
                    return await asyncio.wait_for(wait_in_loop(told), 10)

                return asyncio.run(ask())

            def answer(told: Told[str] = told, gate: threading.Barrier = gate) -> None:
                gate.wait(timeout=10)
                told.tell("r1")

            told.add_done_callback(called.append)
            asked = [threads.submit(each) for each in (ask, ask, ask_in_a_loop)]
            threads.submit(answer).result(timeout=20)
            assert [one.result(timeout=20) for one in asked] == ["r1"] * 3
            assert called == [told]
