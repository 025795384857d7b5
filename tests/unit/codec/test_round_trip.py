"""What goes in comes out: equal, of the same type, through bytes that any store can hold."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import math
import struct
import sys
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.codec import MAX_DEPTH, decode, encode, encode_call
from tests.unit.codec.zoo import Access, Bits, Color, Frozen, Guarded, Level, Name, Packet, Point, Row, Word


def same(one: Any, other: Any) -> bool:
    """Equal in type and value at every level; tells 0.0 from -0.0 and takes NaN for NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, Decimal):
        return repr(one) == repr(other)
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):  # in the same order, too
        return len(one) == len(other) and all(map(same, one.items(), other.items()))
    if isinstance(one, (set, frozenset)):
        return len(one) == len(other) and all(any(same(a, b) for b in other) for a in one)
    if isinstance(one, (Point, Frozen)):
        return all(same(getattr(one, name), getattr(other, name)) for name in type(one).__annotations__)
    if isinstance(one, (dt.datetime, dt.time)):
        return one == other and (one.fold, repr(one.tzinfo)) == (other.fold, repr(other.tzinfo))
    return one == other


def storable(tree: Any) -> bool:
    """Whether PostgreSQL would take this as jsonb: no NUL, no lone surrogate."""
    if isinstance(tree, str):
        return "\0" not in tree and tree.encode() is not None
    if isinstance(tree, dict):
        return all(map(storable, tree)) and all(map(storable, tree.values()))
    return not isinstance(tree, list) or all(map(storable, tree))


def check(value: Any) -> None:
    data = encode(value)
    text = data.decode()
    assert storable(json.loads(text, parse_constant=pytest.fail))
    assert same(decode(data), value), text[:200]


ZONE = zoneinfo.ZoneInfo("Europe/Rome")
PLAIN = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**63,
    -(2**63),
    2**64,
    10**40,
    10**5000,
    -(10**5000),
    0.0,
    -0.0,
    1.5,
    1e300,
    5e-324,
    math.inf,
    -math.inf,
    math.nan,
    "",
    "text",
    "\0",
    "\ud800",
    "a\0\udfff",
    "\\u0000",
    "!set",
    '"!',
    "snow \u2603 \U0001f600",
    b"",
    b"\0\xff",
    bytearray(b"abc"),
    1j,
    complex(math.nan, -0.0),
    [],
    [1, [2]],
    (),
    (1,),
    ((), []),
    {},
    {"a": 1},
    {"": 1},
    {"!set": [1]},
    {"!x": {"!y": 1}},
    {"\0": "\0"},
    {1: 2},
    {(1, 2): 3},
    {None: 1, "None": 2},
    {1.5: {"a": (1,)}},
    {Color.RED: 1},
    {"\ud800": {1, 2}},
    set(),
    {1, "a", None, (1, 2)},
    frozenset([frozenset([1])]),
    {"b", "a"},
    range(1, 9, 2),
]
MOMENTS = [
    dt.datetime(2024, 2, 29, 1, 2, 3, 4),
    dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    dt.datetime.max,
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZONE),
    dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZONE),
    dt.datetime(2024, 1, 1, fold=1),
    dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(minutes=-90), "X")),
    dt.date(2024, 2, 29),
    dt.time(1, 2, 3, 4),
    dt.time(1, fold=1, tzinfo=dt.UTC),
    dt.time(2, tzinfo=ZONE),
    dt.timedelta(days=-3, microseconds=7),
    dt.timedelta.max,
    dt.UTC,
    dt.timezone(dt.timedelta(hours=5, microseconds=3)),
    ZONE,
]
VALUES = [
    uuid.UUID(int=5),
    Decimal("1.10"),
    Decimal("-0"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("1E+400"),
    Fraction(1, 3),
    Fraction(10**30, 7),
    Path("a/b"),
    PurePosixPath("/x"),
    PureWindowsPath("C:\\x"),
    Path("\udcff"),
    Color.RED,
    Color.BLUE,
    Color.CRIMSON,
    Level.HIGH,
    Word.YES,
    Name.ADA,
    Access.READ,
    Access.READ | Access.WRITE,
    Access(0),
    Bits.ONE | Bits.TWO,
    Bits(64),
    Point(1, [Point(2, {Frozen("k"): None})]),
    Point.Inner(3),
    Frozen((1,), frozenset("abc")),
    Row(1),
    Row(Row({1}), [2]),
    Packet(b"x"),
    Packet([Packet(1)], "k", extra=(1,)),
    deque([1, (2,)]),
    deque([1], maxlen=3),
    OrderedDict([("b", 1), ("a", 2)]),
    Counter("hello"),
    defaultdict(list, {"a": [1]}),
    defaultdict(None, {1: 2}),
]


EXAMPLES = [
    pytest.param(value, id=f"{number}-{type(value).__name__}")
    for number, value in enumerate(PLAIN + MOMENTS + VALUES)
]


@pytest.mark.parametrize("value", EXAMPLES)
def test_equal_in_type_and_value(value):
    check(value)
    check([value])
    check({"key": value, "\0": [value]})


def test_a_long_integer_survives_a_process_without_digit_limit():
    before = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(0)
        assert decode(encode([10**9999])) == [10**9999]
    finally:
        sys.set_int_max_str_digits(before)


def test_no_constructor_runs():
    value = Guarded(4, 7)
    copied = decode(encode(value))
    assert type(copied) is Guarded
    assert (copied.value, copied.doubled) == (4, 8)


def test_a_dict_keeps_its_order():
    assert list(decode(encode({"b": 1, "a": 2}))) == ["b", "a"]
    called = decode(encode_call({"b": {"z": 1, "y": 2}, "a": [{2: 2, 1: 1}, Counter("ba")]}, where="f")[0])
    assert list(called) == ["b", "a"]
    assert list(called["b"]) == ["z", "y"]
    assert list(map(list, called["a"])) == [[2, 1], ["b", "a"]]


def nest(kind: Any, depth: int) -> Any:
    value = 1
    for _ in range(depth):
        value = kind(value)
    return value


NESTS = [
    lambda v: [v],
    lambda v: (v,),
    lambda v: {"k": v},
    lambda v: {1: v},
    Point,
    lambda v: Row(1, v),
    Packet,
    lambda v: frozenset([v]),
    lambda v: deque([v]),
    lambda v: defaultdict(list, {"a": v}),
]


@pytest.mark.parametrize("kind", NESTS, ids=range(len(NESTS)))
def test_what_can_be_written_on_a_half_full_stack_can_be_read_there(kind):
    def dive(depth: int) -> Any:
        return dive(depth - 1) if depth else decode(encode(value))

    value = nest(kind, MAX_DEPTH - 1)
    assert dive(350) == value


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**62, 2**66)
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.complex_numbers()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.decimals()
    | st.fractions()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.sampled_from([*Color, *Level, *Word, *Access])
)
hashable = st.recursive(
    atoms.filter(lambda v: not (isinstance(v, Decimal) and v.is_snan())),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3) | st.builds(Frozen, inner),
    max_leaves=4,
)
anything = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.sets(hashable, max_size=3)
        | st.builds(Point, st.integers(), inner)
        | st.builds(Row, inner, inner)
        | st.builds(deque, st.lists(inner, max_size=3))
    ),
    max_leaves=12,
)


@given(anything)
@settings(max_examples=300, deadline=None)
def test_anything_comes_back(value):
    check(value)


@given(st.dictionaries(st.text("abc", min_size=1), anything, max_size=3))
@settings(max_examples=100, deadline=None)
def test_a_call_comes_back_in_order_and_is_the_same_call_again(bound):
    data, digest = encode_call(bound, where="f")
    assert same(decode(data), bound)
    assert encode_call(decode(data), where="f") == (data, digest)
    assert encode_call(dict(reversed(list(bound.items()))), where="f")[1] == digest


@given(st.ip_addresses() | st.ip_addresses(network="10.0.0.0/8"))
def test_addresses_come_back(address):
    check(address)
    network = type(address).__name__.replace("Address", "Network")
    check([getattr(ipaddress, network)(address), ipaddress.ip_interface(address)])
