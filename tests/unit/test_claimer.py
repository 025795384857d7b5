"""Looking for work: one look at a time, no more runs than there is room for, and again after trouble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from podium import Options
from podium.engine.awaited import AwaitedRuns
from podium.engine.claiming import Claimer
from podium.engine.context import Lifecycle
from podium.engine.watchers import Watchers
from podium.errors import StoreFatal, StoreUnavailable
from podium.model import Claimed, Head, Message, TaskSlots

Look = tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]


class House:
    """A claimer, a store that answers as it is told, and a writer that looks when it is told."""

    def __init__(self, room: int, near: bool = True) -> None:
        self.waiting, self.due = list[str](), None
        self.adopted: list[str] = []
        self.inbox: list[Message] = []
        self.seen: dict[str, int] = {}  # as the last look for messages was told
        self.looks: list[Look] = []
        self.alarms: list[float] = []
        self.lifecycle = Lifecycle(lambda _: None)
        self.residents: Any = SimpleNamespace(room=room, reserved=0, must_reconcile=False, owned={})
        context: Any = SimpleNamespace(
            engine="me", functions={}, others="equal", lifecycle=self.lifecycle, project_of=None,
            store=SimpleNamespace(claim=self._claim, collect=self._collect, load=lambda run: None, near=near),
            committer=SimpleNamespace(ask=lambda look, then: self.looks.append((look, then))),
            options=Options(poll=1.0, runs_max=room),
            env=SimpleNamespace(now=lambda: 100.0, monotonic=lambda: 100.0),
            reactor=SimpleNamespace(call_later=self._call_later),
        )  # fmt: skip
        self.claimer = Claimer(context, self.residents, Watchers({}), AwaitedRuns({}), self._adopt)

    def _claim(
        self,
        engine: str,
        functions: Mapping[str, str],
        limit: int,
        now: float,
        runs: Sequence[str] | None,
        projects: Mapping[str, str],
        queues: Sequence[str] | None,
        tasks: TaskSlots,
    ) -> Claimed:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return Claimed(tuple(Head(run, "app:f", 1, b"", b"", 0.0, 0.0) for run in taken), self.due)

    def _collect(self, engine: str, seen: Mapping[str, int]) -> list[Message]:
        self.seen = dict(seen)
        found, self.inbox = self.inbox, []
        return found

    def _adopt(self, head: Head) -> None:
        self.adopted.append(head.id)
        self.residents.room -= 1

    def _call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        self.alarms.append(delay)
        return SimpleNamespace(cancel=lambda: None)

    def look(self, error: BaseException | None = None) -> None:
        """The writer's turn."""
        look, then = self.looks.pop(0)
        then(None if error else look(), error)


@pytest.fixture
def house() -> House:
    return House(room=2)


def test_no_more_is_claimed_than_there_is_room_for_and_the_rest_when_there_is(house: House) -> None:
    house.waiting = ["a", "b", "c"]
    house.claimer.soon()
    assert house.residents.reserved == 2, "nobody else may promise these places meanwhile"
    house.look()
    assert (house.adopted, house.residents.reserved) == (["a", "b"], 0)
    assert house.claimer.saturated
    house.claimer.has_room()
    assert house.looks == [], "there is none"
    house.residents.room = 1
    house.claimer.has_room()
    house.look()
    assert house.adopted == ["a", "b", "c"]


def test_one_look_at_a_time_and_one_more_for_all_who_asked_meanwhile(house: House) -> None:
    for _ in range(3):
        house.claimer.soon()
    assert len(house.looks) == 1
    house.look()
    assert len(house.looks) == 1
    house.look()
    assert house.looks == []


def test_after_a_stalled_store_what_may_be_ours_unheard_is_looked_for(house: House) -> None:
    house.claimer.soon()
    house.look(StoreUnavailable("busy"))
    assert house.residents.must_reconcile
    assert house.lifecycle.failure is None
    assert house.residents.reserved == 0


def test_what_was_never_sent_anything_begins_before_others_messages_are_fetched() -> None:
    house, heard = House(room=2, near=False), list[Message]()
    house.residents.deliver = heard.append
    house.inbox = [Message("m1", "other", "signal", 1.0, b"")]
    house.waiting = ["a"]
    house.claimer.soon()
    house.look()
    assert (house.adopted, heard) == (["a"], [])
    house.look()
    assert [message.id for message in heard] == ["m1"]
    assert house.looks == []


def test_messages_that_cannot_be_fetched_are_looked_for_again() -> None:
    house = House(room=2, near=False)
    house.waiting = ["a"]
    house.claimer.soon()
    house.look()
    house.look(StoreUnavailable("busy"))
    assert house.residents.must_reconcile


def test_a_store_that_will_never_answer_ends_the_engine(house: House) -> None:
    house.claimer.soon()
    house.look(StoreFatal("gone"))
    assert isinstance(house.lifecycle.failure, StoreFatal)


@pytest.mark.parametrize(("due", "alarms"), [(100.5, [0.5]), (99.0, [0.0]), (102.0, []), (None, [])])
def test_what_is_due_before_the_next_poll_is_looked_for_in_time(
    house: House, due: float | None, alarms: list[float]
) -> None:
    house.claimer.due(due)
    assert house.alarms == alarms


def test_a_stopping_engine_looks_for_nothing(house: House) -> None:
    house.lifecycle.stopping = True
    house.claimer.soon()
    assert house.looks == []


def test_signals_that_lie_where_nobody_receives_them_are_not_read_again(house: House) -> None:
    house.residents.deliver = lambda _: None
    inbox = SimpleNamespace(passed_over=0, looked=lambda _: None)
    house.residents.owned["r"] = SimpleNamespace(inbox=inbox, head=SimpleNamespace(queue=""))
    for came in (Message("m1", "r", "signal", 1.0, b"", n=1), Message("m2", "r", "signal", 1.0, b"", n=2)):
        house.inbox = [came]
        house.claimer.soon()
        house.look()
        inbox.passed_over = came.n
    assert house.seen == {"r": 1}, "as it stood before the second look"
    house.claimer.soon()
    house.look()
    assert house.seen == {"r": 2}
    inbox.passed_over = 0  # they were received
    house.claimer.soon()
    house.look()
    assert house.seen == {}


def test_what_comes_into_memory_anew_is_given_its_whole_inbox(house: House) -> None:
    """It may have left this very engine a moment ago, which knew its signals then."""
    house.residents.deliver = lambda _: None
    inbox = SimpleNamespace(passed_over=7, looked=lambda _: None)
    house.residents.owned["r"] = SimpleNamespace(inbox=inbox, head=SimpleNamespace(queue=""))
    house.inbox = [Message("m1", "r", "signal", 1.0, b"", n=7)]
    house.claimer.soon()
    house.look()
    house.claimer.soon()  # as it leaves
    house.waiting = ["r"]
    house.look()
    assert (house.adopted, house.seen) == (["r"], {})
