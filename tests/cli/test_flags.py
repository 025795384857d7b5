"""Flags from a signature: each kind of parameter, right and wrong."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest

from podium.cli.flags import Flags, Refused, from_text
from podium.errors import ArgumentError
from podium.functions import Function


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Box:
    width: int
    day: dt.date


class Options(TypedDict):
    deep: bool


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("7", int, 7),
        ("-7", int, -7),
        ("7", str, "7"),
        ("7", float, 7.0),
        ("1e3", float, 1000.0),
        ("7", int | str, 7),
        ("x", int | str, "x"),
        ("null", int | None, None),
        ("null", str, "null"),
        ("blue", Colour, Colour.BLUE),
        ("RED", Colour, Colour.RED),
        ("b", Literal["a", "b", 3], "b"),
        ("3", Literal["a", "b", 3], 3),
        ("2026-11-22", dt.date, dt.date(2026, 11, 22)),
        ("2026-11-22T10:00:00Z", dt.datetime, dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)),
        ("a/b", Path, Path("a/b")),
        (('["a", "b"]',), list[Path], [Path("a"), Path("b")]),
        (('["a"]',), set[Path], {Path("a")}),
        ('{"x": "a/b"}', dict[str, Path], {"x": Path("a/b")}),
        ('{"x": ["a"], "y": []}', dict[str, list[Path]], {"x": [Path("a")], "y": []}),
        ('{"3": "2026-11-22T10:00"}', dict[int, dt.datetime], {3: dt.datetime(2026, 11, 22, 10)}),
        ('["a", 1]', tuple[Path, int], (Path("a"), 1)),
        ("2026-11-22T10:00", dt.datetime, dt.datetime(2026, 11, 22, 10)),
        ("2026-11-22 10:00", dt.datetime, dt.datetime(2026, 11, 22, 10)),
        ("2026-11-22", dt.datetime, dt.datetime(2026, 11, 22)),
        ("2026-11-22T10:00Z", dt.datetime | None, dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)),
        ("10:00", dt.time, dt.time(10)),
        (('["2026-11-22T10:00"]',), list[dt.datetime], [dt.datetime(2026, 11, 22, 10)]),
        ("1.10", decimal.Decimal, decimal.Decimal("1.10")),
        ("12345678123456781234567812345678", uuid.UUID, uuid.UUID("12345678123456781234567812345678")),
        (("a", "b"), list[str], ["a", "b"]),
        (("1", "2"), tuple[int, ...], (1, 2)),
        (("1", "x"), tuple[int, str], (1, "x")),
        (("1", "1"), set[int], {1}),
        (("[1, 2]",), list[int], [1, 2]),
        (("[odd",), list[str], ["[odd"]),
        ('{"a": 1}', dict[str, int], {"a": 1}),
        ('{"width": 3, "day": "2026-01-01"}', Box, Box(3, dt.date(2026, 1, 1))),
        ('{"deep": true}', Options, {"deep": True}),
        ("7", Annotated[int, "days"], 7),
        ("[1]", Any, [1]),
        ("plain", Any, "plain"),
    ],
)
def test_a_text_becomes_a_value(text: Any, annotation: Any, value: Any) -> None:
    found = from_text(text, annotation)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation"),
    [
        ("seven", int),
        ("", int),
        ("1.5", int),
        ("green", Colour),
        ("c", Literal["a", "b"]),
        ("yesterday", dt.date),
        ("{", dict[str, int]),
        ('{"a": "x"}', dict[str, int]),
        ('{"a": "5"}', dict[str, int]),
        ('[1, "x"]', tuple[int, ...]),
        ('{"a": 1}', dict[str, Path]),
        ('{"a": "yesterday"}', dict[str, dt.datetime]),
        ('{"width": "x"}', Box),
        (("1", "x"), list[int]),
        (("1",), tuple[int, int]),
    ],
)
def test_a_text_that_is_no_value(text: Any, annotation: Any) -> None:
    with pytest.raises(Refused):
        from_text(text, annotation)


def function(fn: Any) -> Function:
    return Function(name=f"app:{fn.__name__}", fn=fn, is_workflow=True, is_async=False)


def test_only_what_is_given_is_passed_on() -> None:
    def report(city: str, /, days: int = 7, *, dry_run: bool = False, id: str = "") -> None: ...

    flags = Flags(function(report))
    assert flags.parse(["--city", "Oslo"], "x") == (("Oslo",), {})
    args, kwargs = flags.parse(["--city", "Oslo", "--dry-run", "--id", "9", "--days=3"], "x")
    assert function(report).bind(args, kwargs) == {"city": "Oslo", "days": 3, "dry_run": True, "id": "9"}


def test_an_error_names_the_form_of_what_nobody_would_guess() -> None:
    def report(at: dt.datetime, where: dict[str, Path], days: list[dt.date]) -> None: ...

    for words, said in (
        (["--at", "noon"], 'wants datetime as 2026-11-22T10:00, got "noon"'),
        (["--where", "x"], 'wants dict[str, Path] as JSON, got "x"'),
        (["--days", "x"], 'wants list[date] as 2026-11-22, got "x"'),
    ):
        with pytest.raises(ArgumentError) as caught:
            Flags(function(report)).parse(words, "x")
        assert said in caught.value.message


def test_a_missing_flag_is_named_with_the_signature() -> None:
    def report(city: str, days: int = 7) -> None: ...

    with pytest.raises(ArgumentError) as caught:
        Flags(function(report)).parse([], "x")
    assert caught.value.message == "report: missing --city"
    assert caught.value.fix == "report(city: str, days: int = 7) -> None"
