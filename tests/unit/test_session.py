"""The store and engine of an app, and answers to its starts, where closing or cancelling comes between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from podium import Options
from podium.client.end_watcher import settle
from podium.client.profile import Profile
from podium.client.session import Session
from podium.env import RealEnv
from podium.errors import EngineStopped, UsageError


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def session(said: list[str]) -> Iterator[Session]:
    session = Session(
        Profile("sqlite:///:memory:", False, RealEnv(), Options(), {}, "", said.append, "nothing", None)
    )
    yield session
    session.close()


class ClosedMeanwhile:
    """A session's lock, to be had once the one who held it before has closed the session."""

    def __init__(self, session: Session) -> None:
        self._session, self._lock = session, session._lock

    def __enter__(self) -> None:
        self._session._lock = self._lock
        self._session.close()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_start_that_comes_on_record_as_the_app_closes_tells_nothing_and_fails_nothing(
    session: Session, said: list[str]
) -> None:
    assert session.store.load("none") is None
    lock: Any = ClosedMeanwhile(session)
    session._lock = lock
    session.tell_others()
    assert session.is_closed
    assert said == []


def test_a_closed_session_opens_nothing_again(session: Session) -> None:
    session.close()
    with pytest.raises(EngineStopped, match="closed"):
        _ = session.store


def test_a_session_that_drives_nothing_has_no_engine_and_says_what_would(session: Session) -> None:
    with pytest.raises(UsageError, match='drives="all"'):
        _ = session.host


def test_a_forked_child_lets_go_of_what_is_its_parents(session: Session) -> None:
    store = session.store
    session.forget()
    with pytest.raises(EngineStopped):
        _ = session.store
    assert store.load("none") is None, "the parent's goes on"
    store.close()


@pytest.mark.parametrize("answer", [1, ValueError("no")])
def test_an_answer_to_a_cancelled_future_is_dropped(answer: object) -> None:
    future: Future[object] = Future()
    future.cancel()
    settle(future)(answer)
    with pytest.raises(CancelledError):
        future.result()


def test_the_first_answer_counts() -> None:
    future: Future[object] = Future()
    for answer in (1, ValueError("no")):
        settle(future)(answer)
    assert future.result() == 1
