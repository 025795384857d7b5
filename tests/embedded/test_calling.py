"""A step calls its function as the body called it: by position or by name, whatever stands around it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from podium import App, task, workflow

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


def timed(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any) -> Any:
        return fn(*args)

    return wrapper


def named(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(**kwargs: Any) -> Any:
        return fn(**kwargs)

    return wrapper


def seen(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return [list(args), kwargs, fn(*args, **kwargs)]

    return wrapper


@task
@timed
def double(x: int) -> int:
    return x * 2


@task
@named
def triple(x: int) -> int:
    return x * 3


@task
@seen
def shown(x: int, y: int = 1, *, z: int = 0) -> int:
    return x + y + z


@task
@functools.singledispatch
def kind(value: Any) -> str:
    return "something"


@kind.fn.register  # type: ignore[attr-defined]  # a singledispatch has it
def _(value: int) -> str:
    return "int"


@task
@functools.cache
def cached(x: int, y: int) -> int:
    return x - y


@task
def method_like(self: int, args: int, kwargs: int, function: int) -> list[int]:
    return [self, args, kwargs, function]


def calls() -> list[Any]:
    return [
        double(3),
        triple(x=3),
        shown(1),
        shown(1, 2),
        shown(1, y=2),
        shown(x=1, y=2, z=3),
        shown(y=2, x=1),
        kind(3),
        kind("a"),
        cached(3, 2),
        cached(x=3, y=2),
        method_like(1, 2, 3, 4),
        method_like(self=1, args=2, kwargs=3, function=4),
    ]


@workflow
def flow() -> list[Any]:
    return calls()


@workflow
@timed
def wrapped(x: int) -> int:
    return double(x)


@workflow
def about_self(self: int) -> int:
    return double(self)


@workflow
def mapped() -> list[Any]:
    return [*double.map([1, 2]), *kind.map([1, "a"])]


def test_the_steps_of_a_workflow_are_called_as_plain_calls_are(app: App) -> None:
    assert flow.run() == calls()
    assert mapped.run() == [2, 4, "int", "something"]


def test_a_workflow_is_called_as_it_was(app: App) -> None:
    assert wrapped.run(4) == 8
    assert about_self.run(self=3) == 6
    assert about_self.start(self=3).result() == 6


def test_the_digest_is_by_parameter_names(app: App) -> None:
    runs = [shown.start(1, 2), shown.start(1, y=2), shown.start(x=1, y=2)]
    assert [run.result()[2] for run in runs] == [3, 3, 3]
    assert len({app.load(run.id).digest for run in runs}) == 1
