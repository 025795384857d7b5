"""Bytes that nobody vouches for, classes that moved, and annotations that ask for more than JSON has."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import fractions
import pathlib
import sys
import time
import types
import typing
import uuid
import zoneinfo
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.codec import decode, decode_failure, encode, preview
from podium.codec.tables import READERS
from podium.errors import DecodeError
from tests.unit.codec.zoo import Access, Color, Frozen, Packet, Point, Row, Word

ZOO = "tests.unit.codec.zoo"


def unreadable(data: bytes, annotation: Any = Any) -> str:
    began = time.process_time()
    with pytest.raises(DecodeError) as caught:
        decode(data, annotation)
    assert time.process_time() - began < 1
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[1",
        b'{"a":',
        b"NaN",
        b"1 2",
        b"\xff",
        b'"\xff"',
        b'"\\ud800"',
        b"[" * 100_000,
        b'{"!set":[' * 50_000,
        b'[{"!tuple":' * 400 + b"[]" + b"}]" * 400,
        b"1" * 1_000_000,
        b"1e999",
        b'{"!int":5}',
        b'{"!int":"zz"}',
        b'{"!float":"1"}',
        b'{"!bytes":"*"}',
        b'{"!bytes":"YQ=="',
        b'{"!str":"gA=="}',
        b'{"!set":[[1]]}',
        b'{"!set":1}',
        b'{"!tuple":{}}',
        b'{"!dict":[[1]]}',
        b'{"!dict":[[1,2],[1,3]]}',
        b'{"!dict":[[[],2]]}',
        b'{"!deque":[1]}',
        b'{"!datetime":"x"}',
        b'{"!datetime":["2024-01-01",7,null]}',
        b'{"!datetime":["2024-01-01",0,"UTC"]}',
        b'{"!zoneinfo":"../../etc/passwd"}',
        b'{"!zoneinfo":"No/Where"}',
        b'{"!timezone":[5]}',
        b'{"!uuid":"x"}',
        b'{"!decimal":"x"}',
        b'{"!decimal":7}',
        b'{"!fraction":[1,0]}',
        b'{"!path":["Path","x"]}',
        b'{"!timedelta":[1e308,0,0]}',
        b'{"!defaultdict":["eval",[]]}',
        b'{"!range":[1,2,0]}',
        b'{"!enum":5}',
        b'{"!enum":"%s:Access","value":"x"}' % ZOO.encode(),
        b'{"!enum":"%s:Access","value":64}' % ZOO.encode(),
        b'{"!dataclass":null}',
        b'{"!dataclass":[]}',
        b'{"!namedtuple":{}}',
        b'{"!pydantic":"x:y"}',
        b'{"!failure":{}}',
        b'{"!failure":{"type":5}}',
        b'{"!nonsense":1}',
        b'{"!":1}',
    ],
    ids=range(51),
)
def test_hostile_bytes_are_a_decode_error_and_quick(data):
    unreadable(data)
    preview(data)
    with pytest.raises(DecodeError):
        decode_failure(data)


tag = st.sampled_from(sorted(READERS))
tree = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([f"{ZOO}:Point", f"{ZOO}:Color", f"{ZOO}:Row", "builtins:eval", "builtins:ValueError"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.builds(
            lambda name, payload, rest: {name: payload, **rest},
            tag,
            inner,
            st.dictionaries(
                st.sampled_from(["x", "y", "member", "value", "fields", "set"]), inner, max_size=2
            ),
        )
    ),
)


@given(tree)
def test_any_tree_is_read_or_refused_and_can_be_previewed(tree):
    data = msgspec.json.encode(tree)
    assert len(preview(data, 40)) <= 40
    try:
        decode(data)
    except DecodeError:
        pass


def test_an_unknown_tag_is_named_with_its_place():
    assert 'the stored value["a"][1] has the tag "!later"' in unreadable(b'{"a":[1,{"!later":1}]}')


def test_a_missing_class_is_named_with_its_place():
    said = unreadable(encode({"a": (1, Point(1, Row(1)))}).replace(b"zoo:Row", b"zoo:Gone"))
    assert f'the stored value["a"][1].y is a {ZOO}:Gone, which is not imported here' in said


def test_classes_are_never_imported(monkeypatch):
    data = b'{"!dataclass":"this:Zen"}'
    assert "this:Zen" in unreadable(data)
    assert "this" not in sys.modules

    lazy = types.ModuleType("lazy_module")
    lazy.__getattr__ = lambda name: pytest.fail("asked")
    monkeypatch.setitem(sys.modules, "lazy_module", lazy)
    assert "lazy_module:Thing" in unreadable(b'{"!dataclass":"lazy_module:Thing"}')


@pytest.mark.parametrize("kind", ["dataclass", "namedtuple", "struct", "enum", "pydantic"])
@pytest.mark.parametrize(
    "name", [f"{ZOO}:Node", f"{ZOO}:calls", f"{ZOO}:CodeError", "subprocess:Popen", "os:system"]
)
def test_the_class_must_be_of_the_recorded_kind(kind, name):
    unreadable(f'{{"!{kind}":"{name}","member":"x","fields":{{}}}}'.encode())


def test_kinds_are_not_exchanged():
    assert "is none" in unreadable(encode(Point(1)).replace(b"!dataclass", b"!struct"))
    assert "is none" in unreadable(encode(Row(1)).replace(b"!namedtuple", b"!dataclass"))
    assert "PURPLE" in unreadable(encode(Color.RED).replace(b"RED", b"PURPLE"))
    assert decode(encode(Access.READ)) is Access.READ


def test_a_class_may_gain_a_field_with_a_default_but_not_lose_one():
    assert decode(encode(Frozen("a")).replace(b',"tags":{"!frozenset":[]}', b"")) == Frozen("a")
    assert decode(encode(Row(1, 2)).replace(b',"value":2', b"")) == Row(1)
    assert decode(encode(Packet(1)).replace(b',"kind":"data"', b"")) == Packet(1)
    assert "lacks the field 'x'" in unreadable(encode(Point(1)).replace(b'"x":1,', b""))
    assert "the field 'z'" in unreadable(encode(Point(1)).replace(b'"x"', b'"z"'))


def test_a_factory_of_the_users_does_not_run_while_reading():
    @dataclass
    class Made:
        safe: list[int] = field(default_factory=list)
        own: list[int] = field(default_factory=lambda: pytest.fail("ran"))

    data = encode(Made([1], [2]), annotation=Made)
    assert decode(data.replace(b'"safe":[1],', b""), Made) == Made([], [2])
    assert "lacks the field 'own'" in unreadable(data.replace(b',"own":[2]', b""), Made)


def test_local_classes_are_found_through_the_annotation():
    @dataclass
    class Leaf:
        x: int

    class Pair(NamedTuple):
        leaf: typing.Any

    @dataclass
    class Root:
        leaves: list[Any]

    Root.__annotations__["leaves"] = list[Leaf]
    value = {"a": Root([Leaf(1)])}
    data = encode(value, annotation=dict[str, Root | None])
    assert decode(data, dict[str, Root | None]) == value
    pair = tuple[Leaf, Pair]
    assert decode(encode((Leaf(1), Pair(2)), annotation=pair), pair) == (Leaf(1), Pair(2))
    assert "Root" in unreadable(data)


@pytest.fixture
def main(monkeypatch):
    """A script that declares a dataclass and an enum."""
    module = types.ModuleType("__main__")
    module.__file__ = "/srv/app/moderate.py"
    space: dict[str, Any] = {"dataclass": dataclass, "Enum": enum.Enum, "__name__": "__main__"}
    source = "@dataclass\nclass Verdict:\n    ok: bool\nclass Kind(Enum):\n    A = 1\n"
    exec(source, space)
    module.__dict__.update(space)
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


def test_a_scripts_classes_are_written_as_of_the_module_its_file_would_be(main, monkeypatch):
    value = [main.Verdict(True), main.Kind.A]
    data = encode(value)
    assert b'"moderate:Verdict"' in data
    assert decode(data) == value
    assert decode(data.replace(b"moderate:", b"__main__:")) == value
    # A worker has imported the script instead.
    worker = types.ModuleType("moderate")
    worker.__dict__.update(main.__dict__)
    monkeypatch.setitem(sys.modules, "moderate", worker)
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    assert decode(data) == value
    assert decode(data.replace(b"moderate:", b"__main__:"), list[main.Verdict | main.Kind]) == value


UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, int),
        (1, float),
        (1, complex),
        (True, int),
        (None, None),
        (None, int | None),
        ("a", Literal["a", "b"]),
        ([1, "x"], list[int]),
        ((1, "a"), tuple[int, str]),
        ((1, 2, 3), tuple[int, ...]),
        ((), tuple[()]),
        ((1,), typing.Tuple),  # noqa: UP006  # the old spelling is what is tested
        ({1: Point(1)}, dict[int, Point]),
        ([Point(1)], list[Point]),
        ([1], typing.Sequence[int]),
        (3, UserId),
        (3, Annotated[int, "meta"]),
        ([], list[Point]),
        ({1}, set[int]),
        (Color.RED, Color),
        (1, "Unresolved"),
        (1, typing.TypeVar("T")),
        ({"a": 1}, dict[str, Any]),
        (Point(1), Point | None),
        (pathlib.Path("x"), pathlib.Path),
        (3, typing.Optional[int]),  # noqa: UP045  # likewise the old spelling
    ],
    ids=range(26),
)
def test_a_value_that_fits_is_left_alone(value, annotation):
    found = decode(encode(value), annotation)
    assert found == value
    assert type(found) is type(value)


NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("plain", "annotation", "value"),
    [
        ({"x": 1, "y": "a"}, Point, Point(1, "a")),
        ([{"x": 1}, {"x": 2}], list[Point], [Point(1), Point(2)]),
        ({"1": {"x": 1}}, dict[int, Point], {1: Point(1)}),
        ("2024-01-01T12:00:00Z", dt.datetime, NOON),
        ("12345678123456781234567812345678", uuid.UUID, uuid.UUID("12345678123456781234567812345678")),
        ("1.5", Decimal, Decimal("1.5")),
        ("yes", Word, Word.YES),
        ([1, 2], tuple[int, int], (1, 2)),
        ([1, 2], set[int], {1, 2}),
        ("a/b", pathlib.Path, pathlib.Path("a/b")),
        (["a"], list[pathlib.Path], [pathlib.Path("a")]),
        ({"body": [1]}, Packet, Packet([1])),
        ({"x": 1}, Point | None, Point(1)),
    ],
    ids=range(13),
)
def test_plain_json_becomes_what_the_annotation_says(plain, annotation, value):
    found = decode(encode(plain), annotation)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "annotation", "said"),
    [
        ("5", int, "expected int, found str '5'"),
        (None, int, "expected int, found NoneType"),
        ([1], dict[str, int], "expected dict[str, int], found list"),
        ({"x": "one"}, Point, "expected Point, found dict"),
        (3, Literal[1, 2], "expected Literal[1, 2], found int 3"),
        (Point(1), Row, "expected Row, found Point"),
        ((1, 2), tuple[int], "expected tuple[int], found tuple"),
    ],
    ids=range(7),
)
def test_a_misfit_is_named(value, annotation, said):
    assert said in unreadable(encode(value), annotation)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"a": [1, (2,)], "b": None}, "{'a': [1, (2,)], 'b': None}"),
        (Point(1, Color.RED), "Point(x=1, y=Color.RED)"),
        (Packet(b"abc"), "Packet(body=<3 bytes>, kind='data')"),
        ({1: {2}}, "{1: {2}}"),
        ("a\nb\x1b[2J", "'a\\nb\\x1b[2J'"),
        (NOON, "datetime(2024-01-01T12:00:00+00:00)"),
        (ValueError("boom"), "ValueError: boom"),
        ("x" * 500, "'" + "x" * 76 + "..."),
        ([pathlib.PurePosixPath("a/b")], "[Path('a/b')]"),
        (
            dt.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Rome")),
            "datetime(2024-01-01T00:00:00 Europe/Rome)",
        ),
        (dt.time(9, tzinfo=dt.timezone(dt.timedelta(hours=2))), "time(09:00:00 UTC+02:00)"),
        (dt.timedelta(1, 5), "timedelta(1 day, 0:00:05)"),
        (1 + 2j, "(1+2j)"),
        (fractions.Fraction(3, 4), "Fraction(3, 4)"),
        (range(3), "range(0, 3)"),
        (collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (collections.deque([1], 3), "deque([1], maxlen=3)"),
        (collections.defaultdict(list, {"a": [1]}), "defaultdict(list, {'a': [1]})"),
        ("\ud800", "'\\ud800'"),
    ],
    ids=range(19),
)
def test_preview_is_one_line_for_people(value, line):
    assert preview(encode(value)) == line
