"""Steps with an effect outside: never begun twice, asked for, undone, settled by a person."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import podium
from podium import (
    App,
    DeclarationError,
    Retry,
    RunCancelled,
    RunParked,
    UsageError,
    WrongState,
    task,
    workflow,
)
from podium.executors import Attempt, Ended
from podium.model import Kind, State
from tests.waiting import until

QUICK = Retry(times=2, wait=0.0, jitter=False)


class Bank:
    """The other system."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.done: dict[str, str] = {}
        self.trouble: list[Exception] = []  # raised one after the other
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def asked(self, what: str, *about: Any) -> None:
        self.seen.append((what, *about))
        if self.trouble:
            raise self.trouble.pop(0)


bank = Bank()


@pytest.fixture(autouse=True)
def _a_bank_of_its_own() -> Iterator[None]:
    global bank
    bank = Bank()
    yield
    bank.go_on.set()


def what() -> list[str]:
    return [seen[0] for seen in bank.seen]


def refund(receipt: str, order: str, amount: int) -> None:
    bank.asked("refund", receipt, order, amount)


@task(retries=QUICK)
async def take_back(receipt: str, order: str) -> str:
    bank.asked("take back", receipt, order)
    return "taken back"


def landed(key: str, order: str) -> Any:
    bank.seen.append(("look", order))
    return podium.Done(bank.done[key]) if key in bank.done else podium.NOT_DONE


@task(undo=refund)
async def charge(order: str, amount: int = 5) -> str:
    bank.asked("charge", order)
    return f"receipt of {order}"


@task(undo=take_back)
def reserve(order: str) -> str:
    bank.asked("reserve", order)
    return f"place of {order}"


@task
async def ship(order: str) -> str:
    raise ValueError(f"no way to {order}")


@workflow
async def buy(order: str) -> str:
    await charge(order)
    reserve(order)
    podium.on_failure(refund, "by hand", order, 1)
    return await ship(order)


def entries(run: podium.Run[Any], kind: Kind) -> list[str]:
    return [entry.step for entry in run.history() if entry.kind is kind]


# -- undo ------------------------------------------------------------------------------------------------


def test_what_was_done_is_undone_in_reverse_with_results_and_defaults(app: App) -> None:
    run = buy.start("7")
    with pytest.raises(ValueError, match="no way to 7"):
        run.result()
    assert bank.seen[2:] == [
        ("refund", "by hand", "7", 1),
        ("take back", "place of 7", "7"),
        ("refund", "receipt of 7", "7", 5),
    ]
    assert entries(run, Kind.RESULT)[2:] == ["undo/refund", "undo/take_back", "undo/refund#1"]
    assert run.state is State.FAILED


def test_a_run_that_goes_well_undoes_nothing(app: App) -> None:
    assert fine.run("7") == "receipt of 7"
    assert what() == ["charge"]


@workflow
async def fine(order: str) -> str:
    podium.on_failure(refund, "never", order, 0)
    return await charge(order)


@task
async def hold() -> None:
    bank.begun.set()
    await asyncio.sleep(1000)


@workflow
async def holds(order: str) -> None:
    await charge(order)
    await hold()


def test_a_cancelled_run_undoes_and_a_second_cancel_does_not_cut_it(app: App) -> None:
    run = holds.start("7")
    bank.begun.wait(30)
    bank.trouble = [OSError("down")]
    run.cancel()
    run.cancel()
    with pytest.raises(RunCancelled):
        run.result(20)
    assert what() == ["charge", "refund", "refund"], "tried again after its failure"


@workflow(timeout=0.05)
async def too_slow(order: str) -> None:
    await charge(order)
    await asyncio.sleep(1000)


def test_a_timeout_of_the_workflow_undoes_and_does_not_cut_that(app: App) -> None:
    with pytest.raises(TimeoutError):
        too_slow.run("7")
    assert what() == ["charge", "refund"]


def test_an_undo_that_fails_for_good_parks_and_goes_on_after_resume(app: App) -> None:
    run = buy.start("7")
    bank.trouble = []
    broken = [OSError("down")] * 3  # take_back has two retries

    def fail_to_take_back(what: str, *about: Any) -> None:
        bank.seen.append((what, *about))
        if what == "take back" and broken:
            raise broken.pop()

    bank.asked = fail_to_take_back
    with pytest.raises(RunParked, match="which undoes reserve, failed for good: OSError: down"):
        run.result()
    why = run.why()
    assert "podium settle" in why
    assert f"{run.id}:undo/take_back" in why
    assert "refund" in what(), "what came after it in the stack is undone"
    run.resume()
    with pytest.raises(ValueError, match="no way"):
        run.result()
    assert bank.seen[-1] == ("refund", "receipt of 7", "7", 5)


def test_a_person_may_say_that_something_stays_as_it_is(app: App) -> None:
    run = buy.start("8")
    bank.asked = _fails_to_take_back
    with pytest.raises(RunParked):
        run.result()
    with pytest.raises(WrongState, match="not over charge"):
        run.settle("charge", again=True)
    run.settle("take_back", failed=RuntimeError("it is sold"), by="ops")
    with pytest.raises(ValueError, match="no way"):
        run.result()
    assert bank.seen[-1] == ("refund", "receipt of 8", "8", 5)


def _fails_to_take_back(what: str, *about: Any) -> None:
    bank.seen.append((what, *about))
    if what == "take back":
        raise OSError("down")


def test_a_cancelled_parked_run_undoes_before_it_ends(app: App) -> None:
    run = pays_once.start("7", charged=True)
    with pytest.raises(RunParked):
        run.result()
    run.cancel()
    with pytest.raises(RunParked):
        run.result()  # its uncertain step is still to be settled
    run.settle("pay_once", failed=RuntimeError("it has not"))
    with pytest.raises(RunCancelled):
        run.result()
    assert what() == ["charge", "pay once", "refund"]


@workflow
async def has_a_child(order: str) -> None:
    await charge(order)
    child = asyncio.ensure_future(holds("child"))
    await asyncio.wait([child], timeout=0.05)
    raise ValueError("no")


def test_children_come_to_their_end_before_anything_is_undone(app: App) -> None:
    with pytest.raises(ValueError, match="no"):
        has_a_child.run("7")
    undone = [seen[2] for seen in bank.seen if seen[0] == "refund"]
    assert undone == ["child", "7"]


@task(undo=refund)
async def charge_slowly(order: str, amount: int = 5) -> str:
    bank.begun.set()
    while not bank.go_on.is_set():
        await asyncio.sleep(0.005)
    bank.seen.append(("charge", order))
    return "late"


@workflow
async def gives_up(order: str, fails: bool) -> str:
    try:
        async with asyncio.timeout(0.05):
            await charge_slowly(order)
    except TimeoutError:
        pass
    if fails:
        raise ValueError("no")
    return "went on"


@pytest.mark.parametrize("fails", [True, False])
def test_what_the_body_has_given_up_is_brought_to_an_outcome_before_the_end(app: App, fails: bool) -> None:
    run = gives_up.start("7", fails)
    bank.begun.wait(30)
    until(lambda: entries(run, Kind.TICK))
    assert run.state is State.RUNNING
    bank.go_on.set()
    if fails:
        with pytest.raises(ValueError, match="no"):
            run.result()
        assert bank.seen == [("charge", "7"), ("refund", "late", "7", 5)]
    else:
        assert run.result() == "went on"
        assert bank.seen == [("charge", "7")]


@workflow
async def cuts_many(orders: list[str]) -> None:
    everything = asyncio.ensure_future(_all(orders))
    await asyncio.wait([everything], timeout=0.05)
    raise ValueError("no")


async def _all(orders: list[str]) -> None:
    await reserve_slowly.map(orders)


@task(undo=take_back)
def reserve_slowly(order: str) -> str:
    bank.begun.set()
    bank.go_on.wait(30)
    bank.seen.append(("reserve", order))
    return f"place of {order}"


def test_what_waits_for_a_slot_has_not_begun_and_never_does(store: Any) -> None:
    with App(store, options=podium.Options(thread_slots=2, poll=0.05)):
        run = cuts_many.start([str(n) for n in range(20)])
        until(lambda: any(entry.kind is Kind.ENDING for entry in run.history()))
        bank.go_on.set()
        with pytest.raises(ValueError, match="no"):
            run.result()
    reserved = sorted(seen[1] for seen in bank.seen if seen[0] == "reserve")
    undone = sorted(seen[2] for seen in bank.seen if seen[0] == "take back")
    assert reserved == undone
    assert len(reserved) == 2


def test_a_retry_goes_on_before_what_was_undone_and_does_it_with_keys_of_its_own(app: App) -> None:
    run = buys_twice.options(id="b").start("7")
    with pytest.raises(ValueError, match="not yet"):
        run.result()
    first = [seen for seen in bank.seen if seen[0] != "free"]
    assert first == [
        ("keyed", "b:/keyed"), ("deliver", "b:/deliver"), ("take keyed", "b:undo/take_keyed"),
    ]  # fmt: skip
    bank.seen.clear()
    again = run.retry()
    assert again.result() == "delivered"
    assert bank.seen == [("keyed", "b:/keyed~1"), ("deliver", "b:/deliver")], "free was not undone"


def test_what_a_retry_undoes_has_keys_of_its_own_again(app: App) -> None:
    run = buys_twice.options(id="b").start("8")
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            run.result()
        run = run.retry()
    with pytest.raises(ValueError, match="not yet"):
        run.result()
    keys = [seen[1] for seen in bank.seen if seen[0] in ("keyed", "take keyed")]
    assert len(set(keys)) == 6
    assert keys[-2:] == ["b:/keyed~2", "b:undo/take_keyed~2"]


def take_keyed(result: str, order: str) -> None:
    bank.seen.append(("take keyed", podium.idempotency_key()))


@task(undo=take_keyed)
async def keyed(order: str) -> str:
    bank.seen.append(("keyed", podium.idempotency_key()))
    return order


@task
async def free(order: str) -> None:
    bank.seen.append(("free", order))


@task
async def deliver(order: str) -> str:
    bank.seen.append(("deliver", podium.idempotency_key()))
    if len(bank.seen) < 3 and order == "7" and ("free", order) not in bank.seen:
        return "delivered"
    raise ValueError("not yet")


@workflow
async def buys_twice(order: str) -> str:
    await free(order)
    await keyed(order)
    return await deliver(order)


def test_what_on_failure_undid_is_no_past_of_a_retry(app: App) -> None:
    run = sells_by_child.options(id="c").start()
    with pytest.raises(ValueError, match="not yet"):
        run.result()
    again = run.retry()
    with pytest.raises(ValueError, match="not yet"):
        again.result()
    children = [seen[1] for seen in bank.seen if seen[0] == "child"]
    assert len(children) == 2, "the child that was called back is no result any more"
    assert len(set(children)) == 2, "and the other one is a run of its own"
    assert what() == ["child", "called back", "child", "called back"]


@task
async def noted() -> str:
    bank.seen.append(("child", podium.idempotency_key().partition(":")[0]))
    return "made"


@workflow
async def makes() -> str:
    return await noted()


def call_back(made: str) -> None:
    bank.seen.append(("called back", made))


@workflow
async def sells_by_child() -> None:
    made = await makes()
    podium.on_failure(call_back, made)
    raise ValueError("not yet")


@workflow
async def sells_by_named_child(first: bool) -> None:
    if first:
        podium.on_failure(call_back, "made")
    await makes.options(id="order-7").start()
    if not first:
        podium.on_failure(call_back, "made")
    raise ValueError("not yet")


@workflow
async def sells_with_partials(order: str) -> None:
    await charge(order)
    podium.on_failure(call_back, "plain")
    for n in range(2):
        podium.on_failure(functools.partial(call_back, f"{order}, {n}"))
    podium.on_failure(functools.partial(functools.partial(refund, "by hand"), amount=1), order)
    raise ValueError("not yet")


def test_a_partial_on_failure_is_its_function_with_more_arguments(app: App) -> None:
    run = sells_with_partials.start("7")
    with pytest.raises(ValueError, match="not yet"):
        run.result()
    assert bank.seen[1:] == [
        ("refund", "by hand", "7", 1),
        ("called back", "7, 1"),
        ("called back", "7, 0"),
        ("called back", "plain"),
        ("refund", "receipt of 7", "7", 5),
    ]


@pytest.mark.parametrize("first", [True, False])
def test_what_on_failure_undid_is_begun_anew_also_under_an_id_of_the_users(app: App, first: bool) -> None:
    run = sells_by_named_child.start(first)
    with pytest.raises(ValueError, match="not yet"):
        run.result()
    with pytest.raises(ValueError, match="not yet"):
        run.retry().result()
    assert what() == ["child", "called back", "child", "called back"]
    assert {seen[1] for seen in bank.seen if seen[0] == "child"} == {"order-7", "order-7~2"}


@task(once=True)
async def wire(order: str) -> str:
    bank.seen.append(("pay", podium.idempotency_key()))
    return f"paid {order}"


@workflow
async def pays_and_tells(order: str) -> str:
    paid = await wire(order)
    podium.on_failure(call_back, paid)
    if len(what()) < 4:
        raise ValueError("not yet")
    return paid


@pytest.mark.parametrize("again", [False, True])
def test_what_is_never_begun_twice_is_not_by_a_retry_after_on_failure_either(app: App, again: bool) -> None:
    run = pays_and_tells.start("7")
    with pytest.raises(ValueError, match="not yet"):
        run.result()
    retry = run.retry()
    with pytest.raises(RunParked, match=r"wire.*on_failure"):
        retry.result()
    assert what() == ["pay", "called back"]
    bank.seen += [("mended", None)] * 2
    if again:
        retry.settle("wire", again=True)
    else:
        retry.settle("wire", happened="paid by hand")
    assert retry.result(10) == ("paid 7" if again else "paid by hand")
    assert what().count("pay") == 1 + again


def test_why_and_show_say_that_it_undoes(app: App) -> None:
    run = holds.start("7")
    bank.begun.wait(30)
    entered, go_on = threading.Event(), bank.go_on

    def slow(*_: Any) -> None:
        entered.set()
        go_on.wait(30)

    bank.asked = slow
    run.cancel()
    entered.wait(30)
    assert "undoing what it has done" in run.why()
    go_on.set()
    with pytest.raises(RunCancelled):
        run.result()


# -- once ------------------------------------------------------------------------------------------------


@task(once=True, timeout=0.05)
async def pay_once(order: str) -> str:
    bank.seen.append(("pay once", order))
    await asyncio.sleep(1000)
    return "never"


@workflow
async def pays_once(order: str, charged: bool = False) -> str:
    if charged:
        await charge(order)
    return await pay_once(order)


@pytest.mark.parametrize(("how", "result"), [({"happened": "receipt"}, "receipt"), ({"again": True}, None)])
def test_a_step_that_overran_parks_and_a_person_settles_it(app: App, how: Any, result: str | None) -> None:
    run = pays_once.start("7")
    with pytest.raises(RunParked, match="whether it has happened is not known"):
        run.result()
    why = run.why()
    for named in ("pay_once(order='7')", f"{run.id}:/pay_once", "--happened", "--again", "--failed"):
        assert named in why
    run.resume()
    with pytest.raises(RunParked):
        run.result()
    assert len(bank.seen) == 1, "never begun twice"
    run.settle("/pay_once", **how)
    if result:
        assert run.result() == result
    else:
        with pytest.raises(RunParked):
            run.result()
        assert len(bank.seen) == 2, "a person has said so"


def test_what_is_settled_must_fit_and_be_said_one_way(app: App) -> None:
    run = pays_once.start("7")
    with pytest.raises(RunParked):
        run.result()
    with pytest.raises(UsageError, match="pay_once result"):
        run.settle("pay_once", happened=7)
    with pytest.raises(UsageError, match="what became of the step"):
        run.settle("pay_once", happened="x", again=True)
    run.settle("pay_once", failed=ValueError("declined"))
    with pytest.raises(ValueError, match="declined"):
        run.result()


def test_its_own_failure_is_an_outcome(app: App) -> None:
    with pytest.raises(ValueError, match="declined"):
        declines.run()


@task(once=True)
def declined() -> None:
    raise ValueError("declined")


@workflow
async def declines() -> None:
    declined()


# -- verify ----------------------------------------------------------------------------------------------


@task(verify=landed, retries=QUICK)
def send(order: str) -> str:
    bank.asked("send", order)
    return f"sent {order}"


@workflow
async def sends(order: str) -> str:
    return send(order)


def test_the_other_side_is_asked_before_each_attempt_but_the_first(app: App) -> None:
    bank.trouble = [OSError("down"), OSError("down")]
    assert sends.run("7") == "sent 7"
    assert what() == ["send", "look", "send", "look", "send"]


def test_a_failure_for_good_is_one_only_after_the_other_side_was_asked(app: App) -> None:
    bank.trouble = [OSError("down")] * 3
    run = sends.options(id="s").start("7")
    with pytest.raises(OSError, match="down"):
        run.result()
    assert what()[-1] == "look"
    bank.trouble = [OSError("down")] * 3
    bank.done["t:/send"] = "landed all the same"
    assert sends.options(id="t").run("7") == "landed all the same"


def _confused(key: str) -> Any:
    bank.seen.append("look")
    if bank.trouble:
        raise bank.trouble.pop()
    return "perhaps"


@task(verify=task(_confused, name="confused", retries=QUICK), retries=QUICK)
def post() -> str:
    bank.seen.append("post")
    raise OSError("down")


@workflow
async def posts() -> str:
    return post()


def test_any_other_answer_parks_and_so_does_one_that_cannot_be_asked(app: App) -> None:
    bank.trouble = [OSError("asleep")] * 2
    run = posts.start()
    with pytest.raises(RunParked, match="returned 'perhaps', which is neither Done nor NOT_DONE"):
        run.result()
    assert bank.seen == ["post", "look", "look", "look"]
    bank.trouble = [OSError("asleep")] * 3
    run.resume()
    with pytest.raises(RunParked, match="confused failed with OSError: asleep"):
        run.result()
    run.settle("post", happened="posted")
    assert run.result() == "posted"


class Losing:
    """An executor that loses the first attempt of each step, and then runs them where it stands."""

    def __init__(self, reactor: Any, ended: Any) -> None:
        self._reactor, self._ended, self._lost = reactor, ended, set[str]()

    def submit(self, attempt: Attempt) -> None:
        if attempt.step not in self._lost:
            self._lost.add(attempt.step)
            ended = Ended(attempt, b"", OSError("gone"), lost=True)
        else:
            ended = Ended(attempt, attempt.encode(attempt.call()))
        self._reactor.call_soon(self._ended, ended)

    def cancel(self, attempt: Attempt) -> None:
        pass

    def close(self) -> None:
        pass


@task(verify=landed, executor="losing")
def sent_elsewhere(order: str) -> str:
    bank.asked("send", order)
    return f"sent {order}"


@workflow
async def sends_elsewhere(order: str) -> str:
    return sent_elsewhere(order)


def test_an_attempt_that_an_executor_has_lost_is_asked_for(store: Any) -> None:
    with App(store, executors={"losing": lambda env, reactor, ended: Losing(reactor, ended)}):
        assert sends_elsewhere.run("7") == "sent 7"
    assert what() == ["look", "send"]


# -- declared --------------------------------------------------------------------------------------------


def test_what_once_cannot_keep_is_refused_where_it_is_declared() -> None:
    for options, said in (
        ({"retries": 2}, "never begun twice is not tried again"),
        ({"executor": "dask"}, "a cluster may begin a task again"),
        ({"verify": landed}, "need not be settled by a person"),
    ):
        with pytest.raises(UsageError, match=said):
            task(once=True, name="refused", **options)(ship.fn)


def test_what_cannot_take_the_call_is_refused_where_it_is_declared() -> None:
    with pytest.raises(DeclarationError, match=r"calls ship\(result, order, amount\)"):
        task(undo=ship, name="refused")(charge.fn)
    with pytest.raises(DeclarationError, match=r"calls landed\(key, order, amount\)"):
        task(verify=landed, name="refused")(charge.fn)
    with pytest.raises(UsageError, match="call the workflow in a task"):
        task(undo=buy, name="refused")(charge.fn)
    with pytest.raises(UsageError, match="in the body of a workflow"):
        podium.on_failure(refund, "r", "7", 1)


# -- the moment in which an outcome is on its way --------------------------------------------------------

_landed, _taken_back = set[int](), set[int]()


def _takes_back(receipt: str, number: int, seconds: float) -> None:
    _taken_back.add(number)


@task(undo=_takes_back)
async def lands_in_time(number: int, seconds: float) -> str:
    _landed.add(number)
    await asyncio.sleep(seconds)
    return f"receipt of {number}"


@workflow
async def gives_up_in_time(number: int, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.03):
            await lands_in_time(number, seconds)
    raise ValueError("no")


def test_what_ends_in_the_moment_in_which_it_is_given_up_is_undone(app: App) -> None:
    for first in range(0, 200, 5):  # some of these end when their time is over
        runs = [
            gives_up_in_time.start(number, 0.025 + 0.006 * (number % 25) / 25)
            for number in range(first, first + 5)
        ]
        for run in runs:
            with pytest.raises(ValueError, match="no"):
                run.result(30)
    assert len(_landed) > 100, "most have begun within their time"
    assert _landed == _taken_back
