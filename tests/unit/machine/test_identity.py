"""What a step is: scope, function, occurrence, with a digest of the arguments; and what a mismatch says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from podium import codec, task
from podium.errors import ArgumentError, DecodeError, Mismatch, NeverAwaited
from podium.functions import Function
from podium.machine import Machine, replay
from podium.machine.scope import Scope
from podium.model import Kind
from tests.unit.machine.driver import Life, declared

HERE = os.path.basename(__file__)


@task(name="pay")
def pay(order: int, currency: str = "EUR") -> int:
    return order


@task(name="ship")
def ship(order: int) -> int:
    return order


@task(name="shop:fetch")
async def fetch(url: str) -> str:
    return url


def recorded(body: Callable[..., Any], *args: Any) -> Life:
    return Life(body, *args).run()


def revised(life: Life, body: Callable[..., Any]) -> Mismatch:
    """The mismatch when that history meets other code."""
    with pytest.raises(Mismatch) as caught:
        Life(body, history=life.history)
    return caught.value


def line_after(marker: str) -> int:
    """The number of the line that carries this comment, which stands for itself in no string here."""
    with open(__file__) as lines:
        return next(n for n, line in enumerate(lines, 1) if line.rstrip().endswith(f"# {marker}"))


# -- identity ------------------------------------------------------------------------------------------


def test_scopes_are_ordinals_and_occurrences_count_in_their_scope() -> None:
    async def branch() -> None:
        pay(1)
        await asyncio.create_task(leaf())

    async def leaf() -> None:
        pay(2)
        pay(3)

    async def body() -> None:
        pay(0)
        await asyncio.gather(branch(), leaf())
        ship(1)
        pay(4)

    steps = sorted(entry.step for entry in recorded(body).history)
    assert steps == sorted(
        [
            "/pay",
            "/pay#1",
            "/ship",
            "1/pay",
            "1.1/pay",
            "1.1/pay#1",
            "2/pay",
            "2/pay#1",
        ]
    )


def test_a_scope_gives_each_place_one_name() -> None:
    scope = Scope()
    assert [scope.identify("a"), scope.identify("a"), scope.identify("b")] == ["/a", "/a#1", "/b"]
    child = scope.child()
    assert (child.path, scope.child().path, child.child().path) == ("1", "2", "1.1")


def test_identities_do_not_depend_on_which_branch_was_quicker() -> None:
    async def branch(n: int) -> None:
        for _ in range(3):
            pay(n)

    async def body() -> None:
        await asyncio.gather(branch(1), branch(2))

    one, other = Life(body), Life(body)
    for first, second in (("1/", "2/"),) * 3:
        one.answer(first)
        one.answer(second)
    for part in ("2/", "2/", "2/", "1/", "1/", "1/"):
        other.answer(part)
    assert sorted((e.step, e.digest) for e in one.history) == sorted(
        (e.step, e.digest) for e in other.history
    )


def test_the_digest_is_of_the_call_not_of_how_it_was_written() -> None:
    def positional() -> None:
        pay(1, "NOK")

    def named() -> None:
        pay(currency="NOK", order=1)

    assert recorded(positional).history[0].digest == recorded(named).history[0].digest


def test_the_digest_sorts_sets_and_keys() -> None:
    @task(name="shop:tag")
    def tag(words: Any) -> int:
        return len(words)

    def one() -> None:
        tag({"b": 1, "a": {"x", "y", "z"}})

    def other() -> None:
        tag({"a": {"z", "y", "x"}, "b": 1})

    assert recorded(one).history[0].digest == recorded(other).history[0].digest


# -- mismatches ----------------------------------------------------------------------------------------


def test_a_renamed_call() -> None:
    def old() -> None:
        pay(1)

    def new() -> None:
        ship(1)  # renamed

    error = revised(recorded(old), new)
    assert error.line.endswith(f"{HERE}:{line_after('renamed')}")
    assert error.expected == "pay() (call 1 in the body) (entry 1)"
    assert error.found == "ship() (call 1 in the body)"
    assert "this code asks for ship()" in str(error)
    assert "the run recorded pay()" in str(error)


def test_reordered_calls() -> None:
    def old() -> None:
        pay(1)
        ship(1)

    def new() -> None:
        ship(1)  # reordered
        pay(1)

    error = revised(recorded(old), new)
    assert error.line.endswith(f":{line_after('reordered')}")
    assert error.expected.startswith("pay()")


def test_a_removed_call() -> None:
    def old() -> None:
        pay(1)
        pay(2)
        ship(3)

    def new() -> None:
        pay(1)
        ship(3)  # removed

    error = revised(recorded(old), new)
    assert error.line.endswith(f":{line_after('removed')}")
    assert error.expected == "pay() (call 2 in the body) (entry 2)"
    assert error.found == "ship() (call 1 in the body)"


def test_an_inserted_call() -> None:
    def old() -> None:
        pay(1)
        ship(1)

    def new() -> None:
        pay(1)
        pay(7)  # inserted
        ship(1)

    error = revised(recorded(old), new)
    assert error.line.endswith(f":{line_after('inserted')}")
    assert error.found == "pay() (call 2 in the body)"
    assert error.expected.startswith("ship()")


def test_a_changed_argument() -> None:
    def old() -> None:
        pay(1)

    def new() -> None:
        pay(2)  # changed

    error = revised(recorded(old), new)
    assert error.line.endswith(f":{line_after('changed')}")
    assert "with other arguments" in error.found
    assert error.expected.startswith("pay()")


def test_a_removed_last_call() -> None:
    def old() -> int:
        return pay(1)

    def new() -> int:
        return 0

    error = revised(recorded(old), new)
    assert error.found == "new returned"
    assert error.line.endswith(f":{new.__code__.co_firstlineno}")


def test_a_removed_sleep_and_an_inserted_one() -> None:
    async def old() -> None:
        await asyncio.sleep(5)
        pay(1)

    async def new() -> None:
        pay(1)  # unslept

    error = revised(recorded(old), new)
    assert error.line.endswith(f":{line_after('unslept')}")
    assert "a sleep or deadline" in error.expected
    assert "pay()" in error.found

    error = revised(recorded(new), old)
    assert "pay()" in error.expected


def test_a_call_in_another_branch_is_named_with_its_branch() -> None:
    async def branch(n: int) -> None:
        pay(n)

    async def old() -> None:
        await asyncio.gather(branch(1), branch(2))

    async def new() -> None:
        await asyncio.gather(branch(1), asyncio.sleep(1))

    assert "branch 2" in revised(recorded(old), new).expected


def test_a_changed_delay_is_no_mismatch() -> None:
    async def old() -> int:
        await asyncio.sleep(5)
        async with asyncio.timeout(60):
            return pay(1)

    async def new() -> int:
        await asyncio.sleep(7200)
        async with asyncio.timeout(1):
            return pay(1)

    assert Life(new, history=recorded(old).history).value() == 1


def test_a_call_added_after_the_end_of_the_record_is_no_mismatch() -> None:
    def old() -> int:
        pay(1)
        return ship(1)

    def new() -> int:
        pay(1)
        ship(1)
        return pay(9)

    history = recorded(old).history
    assert Life(new, history=history).run().value() == 9


def test_nothing_is_done_about_commands_of_a_turn_that_ends_in_a_mismatch() -> None:
    def old() -> None:
        pay(1)
        ship(1)

    def new() -> None:
        pay(1)
        pay(2)

    life = Life(new, history=recorded(old).history[:1])
    life.machine.take()
    with pytest.raises(Mismatch):
        life.machine.feed(recorded(old).history[1])
    assert life.finished is None


# -- results that do not fit ---------------------------------------------------------------------------


@dataclass
class Old:
    n: int


def test_a_changed_return_type() -> None:
    def text(n: int) -> str:
        return str(n)

    def number(n: int) -> int:
        return n

    was = Function("shop:count", text, is_workflow=False, is_async=False)
    now = Function("shop:count", number, is_workflow=False, is_async=False)
    count = podium_task(was)

    def body() -> Any:
        return count[0](1)

    life = recorded(body)
    count[0] = podium_task(now)[0]
    with pytest.raises(DecodeError):
        Life(body, history=life.history)


def podium_task(function: Function) -> list[Any]:
    made = task(name=function.name + "!" + str(id(function)))(function.fn)
    made._function = function
    return [made]


def test_unreadable_bytes_in_a_history() -> None:
    def body() -> int:
        return pay(1)

    life = Life(body)
    step = life.open()
    with pytest.raises(DecodeError):
        life.feed(Kind.RESULT, step.id, step.digest, b"\xff{")


# -- forgotten awaits ----------------------------------------------------------------------------------


def test_a_forgotten_await_fails_the_run_and_names_the_line() -> None:
    async def body() -> int:
        fetch("a")  # forgotten
        fetch("b")
        return 1

    with pytest.raises(NeverAwaited) as caught:
        Life(body).run().value()
    assert f"{HERE}:{line_after('forgotten')}" in str(caught.value)
    assert "await fetch(...)" in str(caught.value)


def test_the_bodys_own_failure_comes_before_a_forgotten_await() -> None:
    async def body() -> int:
        fetch("a")
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        Life(body).run().value()


def test_a_coroutine_handed_to_a_task_is_not_forgotten() -> None:
    async def body() -> int:
        asyncio.create_task(fetch("a"))  # noqa: RUF006  # left behind on purpose
        return 1

    assert Life(body).run().value() == 1


def test_a_coroutine_cancelled_before_it_began_is_not_forgotten() -> None:
    async def body() -> int:
        branch = asyncio.create_task(fetch("a"))
        branch.cancel()
        await asyncio.wait([branch])
        return 1

    assert Life(body).run().value() == 1


def test_arguments_are_copied_when_the_call_is_made() -> None:
    seen: list[Any] = []

    @task(name="shop:keep")
    def keep(items: list[int]) -> list[int]:
        seen.append(items)
        items.append(99)
        return items

    def body() -> list[list[int]]:
        mine = [1]
        run = keep.start(mine)
        mine.append(2)
        return [mine, run.result()]

    assert Life(body).run().value() == [[1, 2], [1, 99]]


# -- what a mismatch says --------------------------------------------------------------------------------


def test_a_body_that_fails_before_its_record_ends_shows_its_exception() -> None:
    async def body() -> None:
        await fetch("a")
        await fetch("b")

    async def broken() -> None:
        raise KeyError("boom")  # raised here

    async def broken_later() -> None:
        await fetch("a")
        broken_here: dict[str, int] = {}
        broken_here["boom"]

    life = recorded(body)
    for revision in (broken, broken_later):
        found = revised(life, revision)
        assert f"{revision.__name__} failed with KeyError: 'boom'" in str(found)
        assert isinstance(found.__cause__, KeyError)
    assert f"test_identity.py:{line_after('raised here')}: " in str(revised(life, broken))


def test_other_arguments_are_shown_and_unchanged_code_is_told_as_such() -> None:
    async def body(url: str) -> None:
        await fetch(url)

    life = recorded(body, "a" * 1000)
    life.args = codec.encode_call({"url": "b" * 1000}, where="test")[0]
    machine = Machine("r", life.function, life.args, life.begun, same_code=True)
    machine.begin()
    with pytest.raises(Mismatch, match="this body does not decide the same twice: its code is as") as caught:
        replay(machine, life.history)
    text = str(caught.value)
    assert "with other arguments, url='bbbb" in text
    assert len(text) < 800
    assert "os.environ" in text


def test_an_argument_whose_type_has_become_another_is_noticed_at_once() -> None:
    async def body(count: int) -> None: ...
    async def revision(count: str) -> None: ...

    life = Life(body, 3)
    machine = Machine("r", declared(revision), life.args, life.begun)
    with pytest.raises(ArgumentError, match=r"test_identity\.py:\d+: revision\(count=.* wants str, got 3"):
        machine.begin()
