"""What can be a task or a workflow: methods, partials, third-party functions, named ones; and what cannot."""

from __future__ import annotations

import collections.abc
import enum
import functools
import io
import json
import math
import operator
import random
import re
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import pytest

from podium import App, Options, Retry, UsageError, task, workflow
from podium.errors import ArgumentError, DeclarationError
from podium.functions import registry
from podium.model import Query


@dataclass(frozen=True)
class Shop:
    name: str
    rates: tuple[float, ...] = (1.0,)

    @task
    def price(self, n: int, extra: int = 0) -> str:
        return f"{self.name}: {n * self.rates[0] + extra:g}"

    @workflow
    async def restock(self, n: int) -> str:
        return f"{self.price(n)}, {await self.stock(n)}"

    @task
    async def stock(self, n: int) -> int:
        return n + len(self.name)

    @task
    @staticmethod
    def currency() -> str:
        return "EUR"


def scale(factor: int, n: int) -> int:
    return factor * n


async def ascale(factor: int, n: int) -> int:
    return factor * n


class Adder:
    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, m: int) -> int:
        return self.n + m


double = task(name="double")(functools.partial(scale, 2))
adouble = task(name="adouble")(functools.partial(ascale, 2))
dumps = task(json.dumps)
root = task(math.sqrt)
add = task(operator.add)
increase = task(name="increase")(Adder(5))
negate = task(name="negate")(lambda n: -n)


@task(name="shop/pay", retries=Retry(times=2), timeout=5, executor="threads")
def pay(n: int, /, *more: int, currency: str = "EUR", **labels: str) -> list[Any]:
    return [n, list(more), currency, labels]


@workflow
async def methods(shop: Shop) -> list[Any]:
    return [
        shop.price(2),
        shop.price(2, extra=1),
        await shop.stock(1),
        shop.price.start(3).result(),
        Shop.currency(),
    ]


@workflow
async def mapped_methods(shop: Shop) -> list[Any]:
    return await shop.stock.map([1, 2, 3])


@workflow
async def strangers() -> list[Any]:
    return [
        double(4),
        await adouble(5),
        dumps({"a": [1, None]}, indent=None),
        root(16.0),
        add(2, 3),
        increase(1),
        negate(3),
        pay(1, 2, 3, currency="NOK", order="7"),
        pay(1),
    ]


@workflow
def with_defaults(a: int, b: int = 2, *rest: int, c: str = "c", **more: float) -> list[Any]:
    return [a, b, list(rest), c, more]


def test_methods_take_their_object_along(app: App) -> None:
    shop = Shop("Bakery", (3.0, 4.0))
    assert shop.price(2) == "Bakery: 6"
    assert methods.run(shop) == ["Bakery: 6", "Bakery: 7", 7, "Bakery: 9", "EUR"]
    assert shop.stock.run(3) == 9
    assert shop.restock.run(1) == "Bakery: 3, 7"
    assert shop.currency() == "EUR"
    assert shop.price.fn(1) == "Bakery: 3"


def test_methods_can_be_mapped(app: App) -> None:
    assert mapped_methods.run(Shop("abc")) == [4, 5, 6]
    assert list(Shop("ab").stock.map([1, 2])) == [3, 4]
    assert Shop("ab").stock.options(id="stock-1").start(1).id == "stock-1"


def test_what_cannot_be_edited(app: App) -> None:
    assert strangers.run() == [
        8,
        10,
        '{"a": [1, null]}',
        4.0,
        5,
        6,
        -3,
        [1, [2, 3], "NOK", {"order": "7"}],
        [1, [], "EUR", {}],
    ]
    assert dumps([1]) == "[1]"


def test_every_kind_of_parameter(app: App) -> None:
    assert with_defaults.run(1) == [1, 2, [], "c", {}]
    assert with_defaults.run(1, 3, 4, 5, c="x", d=0.5) == [1, 3, [4, 5], "x", {"d": 0.5}]
    assert with_defaults.run(b=7, a=1) == [1, 7, [], "c", {}]


def test_a_declaration_keeps_name_and_documentation() -> None:
    assert with_defaults.__name__ == "with_defaults"
    assert with_defaults.name == f"{__name__}:with_defaults"
    assert pay.name == "shop/pay"
    assert pay.fn(1) == [1, [], "EUR", {}]
    assert repr(pay) == "<task shop/pay>"
    assert dumps.name == "json:dumps"
    assert "Serialize" in (dumps.__doc__ or "")


# -- arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: with_defaults.start("one"), "wants int, got 'one'"),
        (lambda: with_defaults.start(), "missing a required argument: 'a'"),
        (lambda: with_defaults.start(1, c=5), r"with_defaults\(c=...\) wants str"),
        (lambda: with_defaults.start(1, 2, "x"), "wants int"),
        (lambda: with_defaults.start(1, d="x"), "wants float"),
        (lambda: methods.start("Bakery"), "wants Shop"),
        (lambda: methods.start(), "missing"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_stored(app: App, call: Any, says: str) -> None:
    with pytest.raises(ArgumentError, match=says) as caught:
        call()
    assert isinstance(caught.value, TypeError)
    assert app.find(Query()) == []


# -- what cannot be ----------------------------------------------------------------------------------------


def test_a_closure_or_lambda_is_no_workflow() -> None:
    def local() -> None:
        pass

    for refused in (local, lambda: None):
        with pytest.raises(DeclarationError, match="cannot be a workflow"):
            workflow(refused)


def test_generators_are_neither() -> None:
    def plain() -> Iterator[int]:
        yield 1

    async def awaited() -> AsyncIterator[int]:
        yield 1

    for decorator in (task, workflow):
        for refused in (plain, awaited, functools.partial(plain)):
            with pytest.raises(DeclarationError, match="generator"):
                decorator(refused)


def test_nor_are_classes_numbers_and_what_is_declared_already() -> None:
    for refused in (Shop, 7, pay, with_defaults):
        with pytest.raises(DeclarationError):
            task(refused)


def test_a_lambda_needs_a_name_to_be_a_task() -> None:
    with pytest.raises(DeclarationError, match="name="):
        task(lambda: None)


def test_two_functions_of_one_name() -> None:
    @task(name="taken")
    def one() -> None:
        pass

    def other() -> None:
        pass

    with pytest.raises(DeclarationError, match=r"two functions are named 'taken'.*test_declare\.py:\d+"):
        task(name="taken")(other)
    registry.pop("taken")


def test_the_same_code_again_is_a_reload() -> None:
    def declare() -> list[str]:
        @task(name="reloaded")
        def one() -> None:
            pass

        return [one.name, task(name="reloaded partial")(functools.partial(scale, 3)).name]

    assert declare() == declare() == ["reloaded", "reloaded partial"], "and not refused as two of one name"


NO_SECONDS = (0, -1, math.nan, math.inf, 1e300, "5", True, [], timedelta(seconds=5))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        *(({"timeout": value}, "seconds above 0") for value in NO_SECONDS),
        ({"timeout": timedelta(minutes=1)}, "\n  timeout=60"),
        ({"executor": 3}, '"loop", "threads" or the name of an executor'),
        ({"executor": ""}, '"loop", "threads" or the name of an executor'),
        ({"executor": "processes"}, 'isolation="process"'),
        ({"executor": "loop"}, "needs an async def"),
        ({"retries": -1}, "whole number from 0"),
        ({"memory": [1], "isolation": "process"}, "512 MB"),
        ({"memory": 1e9, "isolation": "process"}, "512 MB"),
        ({"name": ""}, "text is needed"),
        ({"name": 5}, "text is needed"),
        ({"foo": 1}, r"@task\(foo=...\): a task has name=, .* and undo="),
        ({"retry": 1}, "nearest: retries="),
    ],
)
def test_options_of_a_task_that_cannot_be(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        task(**options)(scale)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        *(({"timeout": value}, r"@workflow\(timeout=.*seconds above 0") for value in NO_SECONDS),
        ({"name": 5}, "text is needed"),
        ({"retries": 3}, "is a @task that it calls"),
        ({"timeot": 3}, "nearest: timeout="),
    ],
)
def test_options_of_a_workflow_that_cannot_be(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        workflow(**options)(scale)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        *(({"delay": value}, "seconds from 0") for value in NO_SECONDS if value != 0),
        ({"id": 5}, "an id is text, and not int\n  id='5'"),
        ({"id": [5]}, "an id is text, and not list\n  letters, digits"),
        ({"id": ""}, "letters, digits"),
        ({"tags": "abc"}, r"a list of words is needed\n  tags=\['abc'\]"),
        ({"tags": ["a b"]}, "none of them empty or with blanks"),
        ({"tags": [1]}, "a list of words"),
        ({"tags": [""]}, "none of them empty"),
        ({"tags": 5}, "a list of words"),
    ],
)
def test_options_of_a_run_that_cannot_be(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        with_defaults.options(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"thread_slots": -1},
        {"thread_slots": "8"},
        {"runs_max": 0},
        {"lease": math.nan},
        {"poll": 0},
        {"grace": -1},
        {"evict_always": 1},
        {"abandoned_max": 0},
    ],
)
def test_options_of_an_engine_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=rf"Options\({next(iter(options))}="):
        Options(**options)


@pytest.mark.parametrize("drives", ["none", "others", "", True])
def test_what_an_app_cannot_drive(drives: Any) -> None:
    with pytest.raises(UsageError, match=r"App\(drives="):
        App(drives=drives)


@pytest.mark.parametrize("url", [5, True, b"here"])
def test_a_store_that_cannot_be_named(url: Any) -> None:
    with pytest.raises(UsageError, match="path or URL"):
        App(url)


@pytest.mark.parametrize("options", [{}, {"lease": 3}, 5])
def test_options_of_an_app_that_are_none(options: Any) -> None:
    with pytest.raises(UsageError, match=r"App\(options="):
        App(options=options)


@pytest.mark.parametrize("timeout", [math.nan, math.inf, "5", True])
def test_a_wait_that_cannot_be(app: App, timeout: Any) -> None:
    with pytest.raises(UsageError, match=r"result\(timeout="):
        root.start(1.0).result(timeout)


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"limit": "5"}, {"limit": 1.5}, {"limit": True}, {"on_error": "ignore"}],
)
def test_options_of_a_map_that_cannot_be(app: App, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=rf"map\({next(iter(options))}="):
        root.map([1.0], **options)


@pytest.mark.parametrize("fn", ["abc".upper, [1].append, random.random])
def test_a_builtin_that_is_bound_to_a_value_needs_a_name(fn: Any) -> None:
    with pytest.raises(DeclarationError, match=r'has no name of its own\n  task\(\.\.\., name="\.\.\."\)'):
        task(fn)
    assert task(fn, name="bound").name == "bound"
    registry.pop("bound")


def test_an_async_task_called_bare_in_a_sync_workflow(app: App) -> None:
    with pytest.raises(UsageError, match=r"adouble\.run\(\.\.\.\)"):
        bare.run()


@workflow
def bare() -> Any:
    return adouble(1)


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (sqlite3.Connection, "is a sqlite3 Connection, which cannot be stored"),
        (list[threading.Thread], "is a thread"),
        ("threading.Thread | None", "is a thread"),
        (Annotated[dict[str, re.Pattern[str]], "x"], "is a compiled pattern"),
        (collections.abc.Iterator[int], "is an iterator"),
        (io.BytesIO, "is an open file"),
    ],
)
def test_what_an_annotation_says_can_never_be_stored_is_told_at_the_declaration(
    annotation: Any, says: str
) -> None:
    def gives() -> None: ...

    def takes(it: object, other: object = None) -> None: ...

    gives.__annotations__["return"] = annotation
    takes.__annotations__["it"] = annotation
    line = r"test_declare\.py:\d+: "
    with pytest.raises(DeclarationError, match=rf"{line}the result of .*gives {says}"):
        task(gives)
    with pytest.raises(DeclarationError, match=rf"{line}.*takes\(it=\.\.\.\) {says}"):
        task(takes)


class Plain:
    """A subclass of it may be a dataclass."""


@pytest.mark.parametrize(
    "annotation",
    [
        Plain, Exception, sqlite3.Error, enum.Enum, socket.AddressFamily, object, Any, str | threading.Thread,
        collections.abc.Mapping[str, int], collections.abc.Sized, "NotThere", None,
    ],
)  # fmt: skip
def test_what_may_be_stored_is_declared(annotation: Any) -> None:
    def gives() -> None: ...

    def takes(it: object, other: object = None) -> None: ...

    gives.__annotations__["return"] = takes.__annotations__["it"] = annotation
    takes.__annotations__["other"] = threading.Thread  # its default is never stored
    for body in (gives, takes):
        assert task(body).fn is body
