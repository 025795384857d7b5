"""A value is held against the whole schema of its type, where it is given."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest

from podium import UsageError
from podium.codec.schemas import check_schema, schema_of


@dataclass
class Item:
    name: str
    counts: dict[str, int]


FITS: list[tuple[Any, Any]] = [
    (list[int], [1, 2]),
    (list[list[int]], [[1], []]),
    (tuple[int, str], [1, "a"]),
    (dict[str, list[int]], {"a": [1]}),
    (Item, {"name": "x", "counts": {"a": 1}}),
    (Annotated[int, msgspec.Meta(ge=1, le=3)], 3),
    (Annotated[str, msgspec.Meta(pattern="^a")], "ab"),
    (datetime.date, "2026-11-27"),
    (uuid.UUID, "12345678-1234-5678-1234-567812345678"),
    (Literal["a", 1], 1),
    (int | None, None),
]
MISFITS: list[tuple[Any, Any, str]] = [
    (list[int], [1, "b"], r"'b' is no integer at \[1\]"),
    (list[list[int]], [[1], ["x"]], r"'x' is no integer at \[1\]\[0\]"),
    (tuple[int, str], [1, 2], r"2 is no string at \[1\]"),
    (tuple[int, str], [1], "has a length of 1, not 2 to 2"),
    (dict[str, list[int]], {"a": [1.5]}, r"1.5 is no integer at a\[0\]"),
    (Item, {"name": "x", "counts": {"a": "b"}}, "'b' is no integer at counts.a"),
    (Annotated[int, msgspec.Meta(ge=1, le=3)], 4, "4 is not at most 3"),
    (Annotated[float, msgspec.Meta(gt=0)], 0, "0 is not more than 0"),
    (Annotated[str, msgspec.Meta(pattern="^a")], "b", "does not match"),
    (Annotated[str, msgspec.Meta(max_length=2)], "abc", "has a length of 3, not 0 to 2"),
    (datetime.date, "tomorrow", "'tomorrow' is no date"),
    (uuid.UUID, "7", "'7' is no uuid"),
    (Literal["a", "c"], "b", "'b' is none of"),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "value"), FITS)
def test_what_fits_is_let_through(annotation: Any, value: Any) -> None:
    check_schema(value, schema_of(annotation), "the answer")


@pytest.mark.parametrize(("annotation", "value", "said"), MISFITS)
def test_what_does_not_fit_is_refused_with_its_place(annotation: Any, value: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_schema(value, schema_of(annotation), "the answer")


@dataclass
class Verdict:
    verdict: str
    note: str = ""


@dataclass
class LongVerdict(Verdict):
    pages: int = 1


@pytest.mark.parametrize(
    ("value", "annotation", "told"),
    [
        ({"verdict": "block", "nots": "gone for good"}, Verdict, "'nots' is not known; did you mean 'note'?"),
        ({"verdict": "block", "xyz": 1}, Verdict, "'xyz' is not known; it has 'verdict', 'note'"),
        ([{"verdict": "", "nots": ""}], list[Verdict], "'nots' is not known at [0]; did you mean 'note'?"),
    ],
)
def test_a_key_that_a_class_would_drop_is_refused_where_it_is_given(
    value: Any, annotation: Any, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_schema(value, schema_of(annotation), "the answer")
    assert told in str(caught.value)


def test_what_has_no_fields_takes_any_key_and_an_object_those_of_its_own_class() -> None:
    check_schema({"any": 1}, schema_of(dict[str, int]), "the answer")
    check_schema({"any": 1}, schema_of(dict), "the answer")
    check_schema(LongVerdict("block", pages=2), schema_of(Verdict), "the answer")
