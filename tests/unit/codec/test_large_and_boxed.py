"""What a refusal says: where most of a large value lies, and what to do about other people's classes."""

from __future__ import annotations

import decimal
import sqlite3
import string
import sys
import types
from dataclasses import dataclass, field
from typing import Any

import pytest

from podium.codec import decode, encode, encode_call
from podium.errors import EncodeError, PayloadTooLarge
from tests.unit.codec.zoo import Point


def refused(value: Any, **words: Any) -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        encode(value, where="result", **words)
    return caught.value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"log": [1, 2, "x" * 5000], "name": "y"}, 'result["log"][2]'),
        (Point(1, {"pages": ["x" * 100] * 90}), 'result.y["pages"]'),
        ([Point(1, b"x" * 9000), 2], "result[0].y"),
        (["x" * 100] * 100, "result"),
        ("x" * 9000, "result"),
        ({"a": "x" * 3000, "b": "y" * 3000}, "result"),
    ],
    ids=range(6),
)
def test_a_value_that_is_too_large_says_where_most_of_it_lies(value: Any, path: str) -> None:
    error = refused(value, limit=4000)
    assert isinstance(error, PayloadTooLarge)
    assert error.path == path
    assert "above the cap of 4,000 bytes" in str(error)
    assert path == "result" or path in str(error)


def test_an_argument_that_is_too_large_is_named() -> None:
    with pytest.raises(PayloadTooLarge, match=r"fetch is above .*: most is options\[.log.\]") as caught:
        encode_call({"url": "x", "options": {"log": "y" * 9000}}, where="fetch", limit=4000)
    assert caught.value.path == 'options["log"]'


def test_the_cap_is_said_where_nobody_gave_one() -> None:
    assert "above the cap of 32 MiB" in str(refused(["x" * 2**20] * 40))


@pytest.fixture
def numpy(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A look-alike, for numpy is no need of the tests: a scalar is a `generic`, a float64 also a float."""
    module = types.ModuleType("numpy")

    class Generic:
        def item(self) -> Any:
            return self.plain  # type: ignore[attr-defined]  # of those below

    class Float64(Generic, float):
        @property
        def plain(self) -> float:
            return float(self)

    class Int64(Generic):
        def __init__(self, plain: int) -> None:
            self.plain = plain

    class NdArray:
        def tolist(self) -> list[Any]:
            return []

    for name, cls in {"generic": Generic, "float64": Float64, "int64": Int64, "ndarray": NdArray}.items():
        cls.__module__, cls.__name__, cls.__qualname__ = "numpy", name, name
        setattr(module, name, cls)
    monkeypatch.setitem(sys.modules, "numpy", module)
    return module


@dataclass
class Score:
    value: float
    parts: list[float] = field(default_factory=list)


def test_a_scalar_is_a_plain_number_where_the_annotation_says_so(numpy: Any) -> None:
    one, two = numpy.float64(1.5), numpy.int64(2)
    cases: list[tuple[Any, Any, Any]] = [
        (one, float, 1.5),
        (two, int, 2),
        (two, int | None, 2),
        ([one, 2.5], list[float], [1.5, 2.5]),
        ({"a": one}, dict[str, float], {"a": 1.5}),
        ((two, "x"), tuple[int, str], (2, "x")),
        (Score(one, [one]), Score, Score(1.5, [1.5])),
        ([Score(one)], list[Score], [Score(1.5)]),
    ]
    for value, annotation, plain in cases:
        read = decode(encode(value, annotation=annotation), annotation)
        assert read == plain
        assert repr(read) == repr(plain)


def test_elsewhere_it_is_refused_with_advice_that_can_be_followed(numpy: Any) -> None:
    for annotation in (Any, str, list[float]):
        assert ".item()" in refused(numpy.float64(1), annotation=annotation).fix


def test_without_a_store_an_array_is_refused_and_a_subclass_everywhere() -> None:
    import numpy

    assert "beside a store" in refused(numpy.ones(2), annotation=Any).message
    masked = numpy.ma.masked_array([1.0, 2.0], [True, False])
    assert "numpy.asarray(...)" in refused(masked, annotation=Any).fix


def test_nobody_is_told_to_change_a_class_of_another() -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("select 1 as one").fetchone()
        assert "dict(...)" in refused(row).fix
        assert "list(...)" in refused(connection.execute("select 1")).fix
        assert "open it in the task" in refused(connection).fix
    connection.close()
    for value in (string.Template("x"), decimal.Context()):
        assert "it belongs to" in refused(value).fix
        assert "dataclass" not in refused(value).fix


def test_a_pandas_timestamp_is_not_told_to_become_records() -> None:
    kind = type("Timestamp", (), {"__module__": "pandas._libs.tslibs.timestamps"})
    assert "to_pydatetime" in refused([{"at": kind()}]).fix
