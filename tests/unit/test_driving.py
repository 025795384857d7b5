"""One run's driver and launcher, without an engine: what happened becomes entries, and what the machine asks
for begins once it is durable."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from podium import codec, task, workflow
from podium.engine.attempts import Attempts
from podium.engine.context import Lifecycle
from podium.engine.driver import Driver
from podium.engine.launcher import Launcher
from podium.engine.outbox import Outbox
from podium.engine.poison_steps import Quarantine
from podium.engine.residency import Residence, Residency
from podium.errors import ResourceShortage
from podium.executors import Attempt, Ended
from podium.functions import registry
from podium.machine import Machine
from podium.model import Head, Kind, Message, State, clock_of, lineage_of
from podium.options import Options


@task(retries=1)
def price(of: str) -> int: ...


@workflow
def bill(of: str) -> int:
    return price(of) + 1


@workflow
def two_bills(of: str) -> int:
    return price(of) + price("more")


class House:
    """One run at its first step."""

    def __init__(self, workflow: str = bill.name, lost: int = 0) -> None:
        self.now = 10.0
        function = registry[workflow]
        head = Head("run", function.name, 1, codec.encode({"of": "tea"}), b"", 1.0, 1.0, lost=lost)
        self.machine = Machine(head.id, function, head.args, clock_of(head), lineage_of(head), same_code=True)
        self.submitted: list[Attempt] = []
        self.cancelled: list[Attempt] = []
        self.attempts, self.outbox = Attempts(), Outbox(head)
        self.lifecycle = Lifecycle(lambda _: None)
        env: Any = SimpleNamespace(now=lambda: self.now, monotonic=lambda: self.now, uniform=lambda a, b: a)
        executors: Any = SimpleNamespace(submit=self.submitted.append, cancel=self.cancelled.append)
        context: Any = SimpleNamespace(env=env, lifecycle=self.lifecycle, options=Options())
        nothing: Any = None
        residence = Residence(self.outbox)
        residence.change(Residency.RESIDENT)
        self.driver = Driver(env, lambda _, act, *args: act(*args), self.machine, self.attempts, self.outbox)
        self.launcher = Launcher(
            context, head, self.driver, self.attempts, self.outbox, residence, executors,
            Quarantine(nothing),
        )  # fmt: skip
        self.driver.begin(head, on_record=False)

    def durable(self) -> None:
        """What is held has been committed."""
        held, self.outbox.held = self.outbox.held, []
        self.launcher.act(held)

    def act(self) -> None:
        """All so far is durable: the machine's commands are acted upon."""
        assert self.launcher.act(self.machine.take()) is None

    def end(self, payload: bytes = b"", error: BaseException | None = None, lost: bool = False) -> None:
        """The attempt that runs ends, as the engine tells the driver."""
        attempt = self.submitted[-1]
        del self.attempts.running[attempt.step]
        self.driver.outcome(Ended(attempt, payload, error, lost))

    def kinds(self) -> list[Kind]:
        return [entry.kind for entry in self.outbox.entries]


@pytest.fixture
def house() -> Any:
    house = House()
    yield house
    house.machine.discard()


def test_a_step_begins_when_it_is_acted_upon_and_not_before(house: House) -> None:
    assert house.submitted == []
    house.act()
    (attempt,) = house.submitted
    assert (attempt.function.label, attempt.number) == ("price", 1)
    assert house.kinds() == [], "a local step that begins is no entry"


def test_an_outcome_is_one_entry_and_moves_the_machine(house: House) -> None:
    house.act()
    house.end(codec.encode(4))
    assert house.kinds() == [Kind.RESULT]
    assert house.machine.finished is not None
    assert (house.machine.finished.state, house.machine.finished.payload) == (State.SUCCEEDED, b"5")


def test_a_failure_that_its_policy_forgives_is_tried_again_when_it_is_due(house: House) -> None:
    house.act()
    house.end(error=ValueError("no"))
    assert house.kinds() == [Kind.RETRY]
    assert house.driver.only_waits
    due = house.driver.next_due()
    assert due is not None
    house.now = due
    house.driver.come_due()
    house.launcher.act(house.outbox.held)
    assert [attempt.number for attempt in house.submitted] == [1, 2]
    house.end(error=ValueError("no"))
    assert house.kinds() == [Kind.RETRY, Kind.ERROR], "once: retries=1"


def test_a_lost_attempt_leaves_no_trace_and_begins_again(house: House) -> None:
    house.act()
    house.end(error=ResourceShortage("no threads"), lost=True)
    assert house.kinds() == []
    house.now += 1.0
    house.driver.come_due()
    house.launcher.act(house.outbox.held)
    assert len(house.submitted) == 2


def test_after_a_loss_what_was_open_begins_on_record_and_what_comes_later_does_not() -> None:
    house = House(two_bills.name, lost=1)
    house.launcher.suspect(lambda: None)
    house.act()
    assert house.kinds() == [Kind.START]
    assert house.submitted == [], "not before that is durable"
    house.durable()
    house.end(codec.encode(4))
    house.launcher.ended(house.submitted[-1])
    house.act()
    assert len(house.submitted) == 2
    assert house.kinds() == [Kind.START, Kind.RESULT], "the second step costs no commit of its own"
    house.launcher.give_back()
    assert house.kinds() == [Kind.START, Kind.RESULT], "of what is not on record nothing is taken back"
    house.machine.discard()


def test_after_a_loss_a_step_is_on_record_until_it_has_its_outcome() -> None:
    house = House(two_bills.name, lost=1)
    house.launcher.suspect(lambda: None)
    house.act()
    house.durable()
    house.end(error=ValueError("no"))
    house.launcher.ended(house.submitted[-1])
    due = house.driver.next_due()
    assert due is not None
    house.now = due
    house.driver.come_due()
    house.durable()
    assert house.kinds() == [Kind.START, Kind.RETRY, Kind.START]
    house.launcher.give_back()
    assert house.kinds()[-1] is Kind.HANDED_BACK
    house.machine.discard()


def test_a_stopping_engine_begins_nothing_more(house: House) -> None:
    house.lifecycle.stopping = True
    house.act()
    assert house.submitted == []


def test_a_message_is_taken_once_and_a_cancel_ends_the_step(house: House) -> None:
    house.act()
    cancel = Message("m", "run", "cancel", 11.0)
    assert house.driver.deliver(cancel)
    assert not house.driver.deliver(cancel)
    assert house.kinds() == [Kind.MESSAGE]
    house.act()
    assert house.cancelled == house.submitted


def test_a_runs_time_never_goes_back(house: House) -> None:
    house.act()
    house.end(codec.encode(4))
    assert house.driver.time(1.0) == 10.0
