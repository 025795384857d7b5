"""What callers ask of an engine is answered, whatever becomes of it, and a start gives back its place."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from podium.engine.client_writes import Met, Start
from podium.engine.clients import ClientPort
from podium.engine.context import Lifecycle
from podium.engine.queue_notes import QueueNotes
from podium.engine.watchers import End, Watchers
from podium.errors import EngineStopped, ResourceShortage, StoreUnavailable
from podium.model import NewRun, Outcome, Reason, RunStanding, State, Verdict

THERE = Verdict(Outcome.DONE, runs=((Outcome.EXISTS, "r"),))
RUN = NewRun(id="r", function="app:f", args=b"", digest=b"", at=1.0, explicit_id=True)


ATTACHED = Verdict(Outcome.DONE, runs=((Outcome.ATTACHED, "r"),))


def _none_parked(ids: list[str]) -> list[RunStanding]:
    return []


class Asked(Start):
    """A start whose answers are kept."""

    def __init__(self, then: Callable[[Any], None], watch: Any = None, met: Any = None) -> None:
        super().__init__(RUN, watch)
        self._then, self._met = then, met

    def tell(self, answer: Any) -> None:
        self._then(answer)

    def met(self, run: str, how: Met) -> None:
        if self._met is not None:
            self._met(run, how)


class House:
    """A port, and a committer that answers when it is told."""

    def __init__(self, room: int = 1) -> None:
        self.writes: list[Any] = []
        self.jobs: list[Any] = []
        self.adopted: list[str] = []
        self.looked: list[str] = []
        self.answers: list[Any] = []
        self.ends: list[Any] = []
        self.when_met: Callable[[], None] = lambda: None
        self.condemned = 0
        self.lifecycle = Lifecycle(lambda _: None)
        self.residents: Any = SimpleNamespace(room=room, reserved=0, owned={})
        context: Any = SimpleNamespace(
            lifecycle=self.lifecycle, others="yield", queue_notes=QueueNotes(), functions={},
            env=SimpleNamespace(now=lambda: 2.0),
            committer=SimpleNamespace(
                touch=lambda one, first: self.writes.append(one),
                ask=lambda call, then: self.jobs.append((call, then)),
            ),
            store=SimpleNamespace(standings=_none_parked, load=lambda _: None),
        )  # fmt: skip
        self.watchers = Watchers({})
        claimer: Any = SimpleNamespace(soon=lambda: self.looked.append("soon"), look=self.looked.append)
        self.port = ClientPort(
            context, self.residents, self.watchers, claimer, lambda head: self.adopted.append(head.id),
            self._condemn,
        )  # fmt: skip

    def _condemn(self) -> None:
        self.condemned += 1
        self.lifecycle.fail(EngineStopped("no row"))

    def start(self) -> None:
        self.port.begin((Asked(self.answers.append, self.ends.append),))

    def look(self) -> None:
        call, then = self.jobs.pop(0)
        then(call(), None)

    def commit(self, verdict: Verdict) -> None:
        one = self.writes.pop(0)
        one.committed(one.take_write(), verdict)


@pytest.mark.parametrize(("room", "owned", "adopted"), [(1, True, ["r"]), (0, False, [])])
def test_a_start_is_born_owned_where_there_is_room_and_else_left_to_claims(
    room: int, owned: bool, adopted: list[str]
) -> None:
    house = House(room)
    house.start()
    assert house.residents.reserved == owned
    house.commit(Verdict(Outcome.DONE, runs=((Outcome.DONE, "r"),)))
    assert (house.adopted, house.residents.reserved) == (adopted, 0)
    assert house.looked == ([] if owned else ["soon"])
    assert [answer.outcome for answer in house.answers] == [Outcome.DONE]


def test_whoever_watches_a_start_is_told_how_the_run_comes_out() -> None:
    house = House()
    house.start()
    house.commit(Verdict(Outcome.DONE, runs=((Outcome.DONE, "r"),)))
    end = End(State.SUCCEEDED, b"1")
    head: Any = SimpleNamespace(id="r", created=RUN.at)
    house.watchers.ended(head, end)
    assert house.ends == [end]


def test_a_run_that_was_there_is_looked_at_and_one_in_conflict_watched_by_nobody() -> None:
    house = House()
    house.start()
    house.commit(THERE)
    house.look()
    assert (house.adopted, house.looked) == ([], ["soon", "r"])
    other = House()
    other.start()
    other.commit(Verdict(Outcome.DONE, runs=((Outcome.CONFLICT, "r"),)))
    assert (other.adopted, other.looked, other.watchers.not_owned()) == ([], [], [])


def test_all_that_come_to_runs_that_were_there_are_answered_after_one_look_and_one_that_comes_meanwhile() -> (
    None
):
    house = House()
    for _ in range(3):
        house.start()
    house.commit(THERE)
    house.commit(THERE)
    call, then = house.jobs.pop()
    found = call()
    house.commit(THERE)
    then(found, None)
    assert len(house.answers) == 2
    house.look()
    assert len(house.answers) == 3
    assert house.jobs == []


def test_whoever_waits_for_such_a_look_is_answered_where_it_fails_and_where_the_engine_stops() -> None:
    house = House()
    house.start()
    house.commit(THERE)
    house.jobs.pop()[1](None, StoreUnavailable("locked"))
    assert house.answers == [THERE]
    house.start()
    house.commit(THERE)
    stopped = EngineStopped("closed")
    house.port.close(stopped)
    assert house.answers == [THERE, stopped]


def test_a_start_that_comes_to_an_earlier_run_is_answered_once_where_the_engine_stops_before_its_look() -> (
    None
):
    house = House()
    house.start()
    house.commit(ATTACHED)
    assert (house.answers, len(house.jobs)) == ([], 1)
    stopped = EngineStopped("closed")
    house.port.close(stopped)
    assert house.answers == [stopped]
    house.look()  # it was under way
    assert (house.answers, house.watchers.not_owned()) == ([stopped], [])


def test_a_start_that_comes_to_an_earlier_run_is_answered_once_where_the_engine_stops_later() -> None:
    house = House()
    house.start()
    house.commit(ATTACHED)
    house.look()
    assert house.answers == [ATTACHED]
    house.port.close(EngineStopped("closed"))
    assert house.answers == [ATTACHED]


def test_a_start_whose_look_comes_to_nothing_over_an_error_is_told_as_the_engine_stops() -> None:
    house = House()

    def met(run: str, how: Met) -> None:
        raise RuntimeError(f"{run} {how}")

    house.port.begin((Asked(house.answers.append, met=met),))
    house.commit(ATTACHED)
    with pytest.raises(RuntimeError):
        house.look()  # which fails the engine
    stopped = EngineStopped("closed")
    house.port.close(stopped)
    assert house.answers == [stopped]


def three_of_a_batch(house: House, error: Exception, verdict: Verdict) -> dict[str, list[Any]]:
    """Starts that come to runs that are there, one after the other; what each is told where the second's
    watch fails."""
    told: dict[str, list[Any]] = {name: [] for name in ("first", "second", "third", "late")}

    def looked(run: str) -> None:
        house.looked.append(run)
        if house.looked.count("r") == 2:
            raise error

    house.port._claimer.look = looked
    for name in ("first", "second", "third"):
        house.port.begin((Asked(told[name].append),))
    for _ in range(3):
        house.commit(verdict)
    call, then = house.jobs.pop(0)
    found = call()
    house.port.begin((Asked(told["late"].append),))
    house.commit(verdict)  # while that look is under way
    with pytest.raises(type(error)):
        then(found, None)
    return told


def test_what_fails_at_one_start_of_a_batch_stops_the_engine_and_keeps_no_other_from_its_answer() -> None:
    house = House()
    told = three_of_a_batch(house, RuntimeError("planted"), THERE)
    assert (told["first"], told["second"], told["third"]) == ([THERE], [], [THERE])
    stopped = EngineStopped("over that")
    house.port.close(stopped)
    assert told == {"first": [THERE], "second": [stopped], "third": [THERE], "late": [stopped]}


def test_a_start_that_lacks_something_is_told_so_and_the_next_ones_are_looked_at() -> None:
    house = House()
    lack = ResourceShortage("planted", fix="more of it")
    told = three_of_a_batch(house, lack, THERE)
    house.look()
    assert told == {"first": [THERE], "second": [lack], "third": [THERE], "late": [THERE]}
    house.port.close(EngineStopped("later"))
    assert told["second"] == [lack]


@pytest.mark.parametrize("verdict", [Verdict(Outcome.DONE, runs=((Outcome.DONE, "r"),)), ATTACHED])
def test_a_start_that_lacks_something_is_told_so_however_it_came_to_its_run(verdict: Verdict) -> None:
    house, lack = House(room=0), ResourceShortage("planted", fix="more of it")

    def lacks() -> None:
        raise lack

    house.port._claimer.soon = lacks
    house.start()
    with pytest.raises(ResourceShortage):
        house.commit(verdict)
        house.look()
    assert house.answers == [lack]
    house.port.close(EngineStopped("later"))
    assert house.answers == [lack]


LACK = ResourceShortage("planted", fix="more of it")


def _lack(*_: Any, **__: Any) -> Any:
    raise LACK


def _lacks_a_look(house: House) -> None:
    house.port._context.committer.ask = _lack
    house.commit(ATTACHED)


def _lacks_as_it_meets_the_run(house: House) -> None:
    house.commit(ATTACHED)
    house.when_met = _lack
    house.look()


def _lacks_as_it_is_adopted(house: House) -> None:
    house.port._adopt = _lack
    house.commit(Verdict(Outcome.DONE, runs=((Outcome.DONE, "r"),)))


def _lacks_as_it_puts_the_run_back(house: House) -> None:
    reason = msgspec.json.encode(Reason("E216", "said"))
    row = SimpleNamespace(
        id="r", state=State.PARKED, token=1, root="", function="app:f", fingerprint="then", payload=reason
    )
    house.port._context.store.load = lambda _: row
    house.port._context.store.find = lambda _: []
    house.commit(ATTACHED)
    house.look()
    house.writes.pop().failed(LACK)
    raise LACK


@pytest.mark.parametrize(
    "lacks",
    [_lacks_a_look, _lacks_as_it_meets_the_run, _lacks_as_it_is_adopted, _lacks_as_it_puts_the_run_back],
)
def test_a_start_that_lacks_something_gives_its_place_back_once(lacks: Callable[[House], None]) -> None:
    house = House()
    house.port.begin((Asked(house.answers.append, met=lambda run, how: house.when_met()),))
    assert house.residents.reserved == 1
    with pytest.raises(ResourceShortage):
        lacks(house)
    assert (house.answers, house.residents.reserved) == ([LACK], 0)
    house.port.close(EngineStopped("later"))
    assert (house.answers, house.residents.reserved) == ([LACK], 0)


def test_a_refused_start_shows_that_the_engine_has_no_row() -> None:
    house = House()
    house.start()
    house.commit(Verdict(Outcome.REFUSED))
    assert (house.condemned, house.residents.reserved) == (1, 0)
    assert isinstance(house.answers[0], EngineStopped)


def test_an_engine_that_stops_answers_whoever_waits_and_whoever_comes_later() -> None:
    house = House()
    house.start()
    stopped = EngineStopped("closed")
    house.watchers.add("other", house.ends.append)
    house.port.close(stopped)
    assert (house.answers, house.ends, house.residents.reserved) == ([stopped], [stopped], 0)
    house.start()
    house.port.watch("r", house.ends.append)
    assert (house.answers, house.ends) == ([stopped] * 2, [stopped] * 2)
