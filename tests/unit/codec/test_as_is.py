"""A function that is wrong about its own annotation runs, so its record must be readable."""

from dataclasses import dataclass
from typing import Any

import pytest

from podium import codec
from podium.errors import DecodeError


@dataclass
class Verdict:
    rating: str


def test_a_value_other_than_its_annotation_comes_back_as_it_was() -> None:
    data = codec.encode(None, annotation=str)
    assert codec.decode(data, str) is None
    assert codec.preview(data) == "None"


def test_a_value_as_annotated_is_held_against_the_annotation_of_later_code() -> None:
    data = codec.encode("seven", annotation=str)
    with pytest.raises(DecodeError):
        codec.decode(data, int)


@pytest.mark.parametrize("value", [Verdict("safe"), (1, 2), {3}, b"x"])
def test_the_mark_keeps_types(value: Any) -> None:
    data = codec.encode(value, annotation=list[int])
    assert codec.decode(data, list[int]) == value
    assert type(codec.decode(data, list[int])) is type(value)
