"""The one place that knows time, chance and threads."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from podium.env import RealEnv, encode_id


def test_now_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    env = RealEnv()
    before = env.now()
    monkeypatch.setattr(time, "time", lambda: before - 3600)  # somebody set the clock back
    assert env.now() >= before
    assert env.now() < before + 60


def test_now_follows_a_clock_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    env = RealEnv()
    later = env.now() + 8 * 3600  # a laptop slept
    monkeypatch.setattr(time, "time", lambda: later)
    assert env.now() == pytest.approx(later, abs=1)


def test_now_does_not_go_back_once_it_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    env = RealEnv()
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real + 3600)
    ahead = env.now()
    monkeypatch.setattr(time, "time", lambda: real)  # set forward by mistake, and back
    assert env.now() >= ahead


def test_an_id_is_time_and_chance_in_base_32() -> None:
    assert encode_id(0, 1) == "0" * 17 + "1"
    assert encode_id(1, 33) == "0" * 8 + "1" + "0" * 7 + "11"
    assert encode_id(2**45 - 1, 2**45 - 1) == "z" * 18


def test_ids_are_ordered_by_time_and_unique() -> None:
    assert encode_id(1000, 5) < encode_id(1001, 0) < encode_id(10**12, 0)
    assert len(encode_id(0, 0)) == len(encode_id(2**45 - 1, 2**45 - 1)) == 18
    env = RealEnv()
    ids = [env.new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert [id[:9] for id in ids] == sorted(id[:9] for id in ids)
    assert set("".join(ids)) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_two_environments_draw_differently() -> None:
    assert RealEnv().random().random() != RealEnv().random().random()
    assert RealEnv().uuid4() != RealEnv().uuid4()
    assert 1 <= RealEnv().uniform(1, 2) <= 2


def test_a_forked_process_draws_differently() -> None:
    env = RealEnv()

    def draw() -> list[str]:
        secrets = [env.secret() for _ in range(3)]  # of which many are drawn in one go
        return [str(env.random().random()), str(env.uniform(0, 1)), *secrets, env.new_id()[9:]]

    draw()  # so that there is something that the child might have taken over
    ours, theirs = os.pipe()
    if (forked := os.fork()) == 0:
        os.write(theirs, " ".join(draw()).encode())
        os._exit(0)
    os.waitpid(forked, 0)
    drawn = os.read(ours, 1000).decode().split()
    os.close(ours)
    os.close(theirs)
    assert len(drawn) == 6
    assert not set(draw()) & set(drawn)


def test_chance_is_drawn_for_many_in_one_go_and_thrown_away_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    env, drawn, urandom, real = RealEnv(), list[int](), os.urandom, time.time()

    def drawing(size: int) -> bytes:
        drawn.append(size)
        return urandom(size)

    monkeypatch.setattr(time, "time", lambda: real + 60)
    env.secret()
    monkeypatch.setattr(os, "urandom", drawing)
    secrets = {env.secret() for _ in range(50)} | {env.secret() for _ in range(50)}
    assert (len(secrets), len(drawn)) == (100, 0)
    for later in (62, 60):  # a second later, and by a clock that was set back
        monkeypatch.setattr(time, "time", lambda: real + later)  # noqa: B023  # called in this round
        env.secret()
        assert drawn.pop() >= 12
        assert not drawn


def test_threads_that_draw_at_once_draw_differently() -> None:
    env = RealEnv()
    with ThreadPoolExecutor(4) as threads:
        drawn = [threads.submit(lambda: [env.secret() for _ in range(2000)]) for _ in range(4)]
        secrets = [secret for one in drawn for secret in one.result(timeout=20)]
    assert len(set(secrets)) == 8000


def test_threads_are_named_and_keep_no_process_alive() -> None:
    gate = threading.Event()
    thread = RealEnv().spawn(gate.wait, 5, name="podium-test")
    assert (thread.name, thread.daemon, thread.is_alive()) == ("podium-test", True, True)
    gate.set()
    thread.join()
