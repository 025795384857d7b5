"""Annotations that are named by `type Name = …`, which came with Python 3.12."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from podium import codec
from podium.errors import DecodeError

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement came with Python 3.12")

SOURCE = """
type Metres = float
type Pair[A, B] = tuple[B, A]
type Named[T] = dict[str, T]
type Tree = int | list[Tree]
"""


def alias(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(SOURCE, names)
    return eval(text, names)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Metres", 1.5),
        ("Pair[int, str]", ("a", 1)),
        ("Named[Metres]", {"x": 2.0}),
        ("Metres | None", None),
        ("Tree", [1, 2]),
    ],
)
def test_what_they_stand_for_is_what_counts(text: str, value: Any) -> None:
    assert codec.decode(codec.encode(value, annotation=alias(text)), alias(text)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("Metres", "far"), ("Pair[int, str]", ("a", "b")), ("Named[Metres]", [1]), ("Tree", "x")],
)
def test_what_is_something_else_is_refused(text: str, value: Any) -> None:
    with pytest.raises(DecodeError):
        codec.decode(codec.encode(value), alias(text))
