"""A declared function as data: binding arguments by name and back, checking their types, the registry."""

from __future__ import annotations

import enum
import functools
import inspect
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import codec
from podium.errors import ArgumentError, DeclarationError
from podium.functions import Function, Registry

if TYPE_CHECKING:
    from nowhere import Unknown  # only type checkers follow this


def made(fn: Callable[..., Any], name: str = "shop:fn") -> Function:
    return Function(name, fn, is_workflow=False, is_async=False)


def plain(a: int, b: str = "b") -> None: ...
def keyword(a: int, *, b: str = "b") -> None: ...
def positional(a: int, b: str = "b", /) -> None: ...
def starred(a: int, *rest: int, b: str = "b", **more: float) -> None: ...
def mixed(a: int, /, b: int, *, c: int, d: int = 4) -> None: ...


SHAPES = [plain, keyword, positional, starred, mixed]


@pytest.mark.parametrize("fn", SHAPES, ids=lambda fn: fn.__name__)
@given(args=st.lists(st.integers(), max_size=4), names=st.sets(st.sampled_from("abcdxy")), data=st.data())
def test_binding_is_what_the_call_itself_would_do(
    fn: Any, args: list[int], names: set[str], data: Any
) -> None:
    kwargs = {name: data.draw(st.integers()) for name in sorted(names)}
    function = made(fn)
    try:
        expected = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError:
        with pytest.raises(ArgumentError, match="fn: "):
            function.bind(tuple(args), kwargs)
        return
    bound = function.bind(tuple(args), kwargs)
    assert bound == dict(expected.arguments)
    again = inspect.signature(fn).bind(*function.unbind(bound)[0], **function.unbind(bound)[1])
    assert again.arguments == expected.arguments


def test_a_call_by_names_binds_in_the_order_of_the_parameters_and_only_if_it_is_whole() -> None:
    assert list(made(plain).bind((), {"b": "x", "a": 1})) == ["a", "b"]
    for wrong in ({"b": "x"}, {"a": 1, "unknown": 2}):
        with pytest.raises(ArgumentError):
            made(plain).bind((), wrong)


def test_two_ways_to_write_a_call_bind_alike() -> None:
    assert made(plain).bind((1, "x"), {}) == made(plain).bind((), {"b": "x", "a": 1})


def test_defaults_are_left_out_so_that_they_may_change() -> None:
    assert made(plain).bind((1,), {}) == {"a": 1}


def test_a_parameter_that_is_gone_says_so() -> None:
    with pytest.raises(ArgumentError, match=r"no parameter 'old' any more") as caught:
        made(plain).unbind({"a": 1, "old": 2})
    assert "fn(a: int, b: str = 'b') -> None" in str(caught.value)


def test_a_function_without_a_signature_takes_what_it_is_given() -> None:
    assert made(max).bind((1, 2), {}) == {"args": (1, 2)}
    assert made(max).unbind({"args": (1, 2)}) == ((1, 2), {})


# -- types -----------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Row(TypedDict):
    n: int


class Struct(msgspec.Struct):
    n: int


@dataclass
class Point:
    x: int
    y: int = 0


class Plain:
    pass


class Derived(Point):
    pass


FITS: list[tuple[Any, Any]] = [
    (int, 1),
    (int, True),
    (float, 1),
    (float, 1.5),
    (str, "x"),
    (bytes, b"x"),
    (bool, False),
    (None, None),
    (int | None, None),
    (int | str, "x"),
    (list[int], [1]),
    (Sequence[int], [1]),
    (Mapping[str, int], {"a": 1}),
    (dict[str, list[int]], {"a": [1]}),
    (tuple[int, ...], (1, 2)),
    (set[int], {1}),
    (frozenset[str], frozenset("a")),
    (Literal["a", "b"], "a"),
    (Colour, Colour.RED),
    (Point, Point(1)),
    (Point, Derived(1)),
    (Struct, Struct(1)),
    (Row, {"n": 1}),
    (Plain, Plain()),
    (list[Plain], [Plain()]),
    (list[Point], [Point(1)]),
    (Path, Path("a")),
    (datetime, datetime(2026, 1, 1, tzinfo=UTC)),
    (timedelta, timedelta(1)),
    (Decimal, Decimal(1)),
    (uuid.UUID, uuid.UUID(int=1)),
    (Any, object()),
    (object, object()),
    (Callable[[int], int], abs),
    (type, int),
    ("Unknown", object()),
]

MISFITS: list[tuple[Any, Any]] = [
    (int, "1"),
    (int, 1.5),
    (int, None),
    (str, 1),
    (str, b"x"),
    (bool, 1),
    (list[int], ["a"]),
    (list[int], (n for n in range(2))),
    (dict[str, int], {"a": "b"}),
    (tuple[int, int], (1,)),
    (Literal["a"], "c"),
    (Plain, 3),
    (Point, Plain()),
    (Path, 7),
    (datetime, 5),
]


def named(value: Any) -> str:
    """A test's name says nothing of addresses: two processes that share the suite must agree on it."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize(("wanted", "value"), FITS, ids=named)
def test_what_fits_its_annotation_passes(wanted: Any, value: Any) -> None:
    def fn(a: Any) -> None: ...

    fn.__annotations__["a"] = wanted
    made(fn).check({"a": value})


@pytest.mark.parametrize(("wanted", "value"), MISFITS, ids=named)
def test_what_cannot_be_meant_is_refused(wanted: Any, value: Any) -> None:
    def fn(a: Any) -> None: ...

    fn.__annotations__["a"] = wanted
    with pytest.raises(ArgumentError, match=r"fn\(a=...\) wants"):
        made(fn).check({"a": value})


def test_star_arguments_are_checked_one_by_one() -> None:
    made(starred).check({"a": 1, "rest": (1, 2), "more": {"x": 0.5}})
    with pytest.raises(ArgumentError, match=r"fn\(rest=...\) wants int, got 'x'"):
        made(starred).check({"rest": (1, "x")})
    with pytest.raises(ArgumentError, match=r"fn\(more=...\) wants float, got 'y'"):
        made(starred).check({"more": {"x": "y"}})


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ArgumentError) as caught:
        made(plain).check({"a": "x" * 1000})
    assert len(str(caught.value)) < 200


def test_annotations_that_resolve_only_for_a_type_checker_cost_the_check_not_the_call() -> None:
    def fn(a: Unknown, b: int) -> Unknown: ...

    made(fn).check({"a": 1, "b": "not checked"})
    assert made(fn).returns is Any


def test_the_annotation_of_a_partials_function_counts() -> None:
    assert made(functools.partial(plain, 1)).returns is type(None)
    assert made(json.dumps).returns is Any


# -- registry --------------------------------------------------------------------------------------------


def test_one_name_one_function() -> None:
    registry = Registry()
    first = made(plain)
    registry.add(first)
    again = made(plain)
    registry.add(again)
    assert registry["shop:fn"] is again
    with pytest.raises(
        DeclarationError, match=r"two functions are named 'shop:fn': .*test_functions\.py:\d+ and "
    ):
        registry.add(made(keyword))
    assert registry["shop:fn"] is again


def test_a_label_is_the_name_without_its_module() -> None:
    assert made(plain, "a.b:C.d").label == "C.d"
    assert made(plain, "pay").label == "pay"


def echo(n: object) -> object:
    return n


class Word(str):
    pass


@pytest.mark.parametrize("value", [1, 10**4000, "a\u20acb", None, True])
def test_what_is_read_as_given_comes_back_as_it_was_from_its_bytes(value: object) -> None:
    function = made(echo)
    assert function.is_read_as_given({"n": value})
    data, _ = function.encode({"n": value}, 0)
    args, kwargs = function.unbind(codec.decode(data))
    assert (args, kwargs, type(kwargs["n"])) == ((), {"n": value}, type(value))


@pytest.mark.parametrize("value", [1.5, [1], b"x", (1,), datetime(2026, 1, 1, tzinfo=UTC), Word("y")])
def test_what_can_be_changed_or_is_written_otherwise_is_read_anew(value: object) -> None:
    assert not made(echo).is_read_as_given({"n": value})


def test_a_call_that_is_given_by_position_is_read_anew() -> None:
    def by_position(n: int, /) -> int:
        return n

    assert not made(by_position).is_read_as_given({"n": 1})
