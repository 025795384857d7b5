"""What cannot be stored is refused at once, with the path to it and what to do instead."""

from __future__ import annotations

import asyncio
import collections
import io
import re
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from podium.codec import MAX_DEPTH, encode, encode_call
from podium.errors import EncodeError, PayloadTooLarge
from tests.unit.codec.zoo import Frozen, Node, Packet, Point, Row


class MyInt(int):
    pass


class MyDict(dict):
    pass


class Sub(Point):
    """A dataclass's subclass that keeps more than fields."""


@dataclass
class OnBuiltin(dict):
    x: int


async def coroutine() -> None: ...


def refused(value: Any, **options: Any) -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        encode(value, where="result", **options)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (io.BytesIO(), "an open file"),
        (threading.Lock(), "a lock"),
        (threading.RLock(), "a lock"),
        (lambda: 1, "a function"),
        (len, "a function"),
        ((n for n in "a"), "a generator"),
        (iter([]), "an iterator"),
        (map(str, []), "an iterator"),
        ({}.keys(), "dict_keys"),
        (sys, "a module"),
        (Point, "a class"),
        (memoryview(b""), "a memoryview"),
        (re.compile("a"), "a compiled pattern"),
        (threading.Thread(), "a thread"),
        (MyInt(3), "MyInt, a subclass of int"),
        (MyDict(), "MyDict, a subclass of dict"),
        (Sub(1), "Sub"),
        (OnBuiltin(1), "OnBuiltin"),
        (Node(), "a Node"),
        (collections.ChainMap(), "a ChainMap"),
        (collections.defaultdict(lambda: 1), "factory"),
        (object(), "a object"),
        (NotImplemented, "NotImplementedType"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_says_what_it_is(value, said):
    assert said in str(refused(value))


def test_open_things_are_named_and_left_open(tmp_path):
    with (tmp_path / "log").open("w") as file, socket.socket() as sock:
        assert "an open file (TextIOWrapper)" in str(refused(file))
        assert refused(file).fix == "return the path or its bytes"
        assert "a socket" in str(refused(sock))
    pending = coroutine()
    assert refused(pending).fix == "await it first"
    pending.close()
    loop = asyncio.new_event_loop()
    assert refused(loop.create_future()).fix == "await it first"
    loop.close()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"log": [0, 1, 2, Point(1, Node())]}, 'result["log"][3].y'),
        ([Row(1, (0, Node()))], "result[0].value[1]"),
        ({1: {2: Node()}}, "result[1][2]"),
        ({(1, 2): {"a": Node()}}, 'result[(1, 2)]["a"]'),
        ({"a", Frozen(Node())}, "result{...}.name"),
        ({Frozen(Node()): 1}, "result[key Frozen(name=<"),
        (Packet([Node()]), "result.body[0]"),
        (Node(), "result"),
    ],
)
def test_the_path_leads_to_the_offender(value, path):
    error = refused(value)
    assert error.path.startswith(path)
    assert str(error).startswith(path)


def test_an_argument_is_named_as_its_author_knows_it():
    with pytest.raises(EncodeError) as caught:
        encode_call({"url": "x", "options": {"log": [Node()]}}, where="fetch")
    assert caught.value.path == 'options["log"][0]'
    assert str(caught.value).startswith('fetch: options["log"][0] is a Node')


def test_cycles_are_called_cycles():
    ring: list[Any] = [1, {}]
    ring[1]["back"] = ring
    assert "cyclic" in str(refused(ring))
    assert refused(ring).path == 'result[1]["back"]'
    point = Point(1)
    point.y = {"self": (point,)}
    assert refused(point).path == 'result.y["self"][0]'
    keyed: dict[Any, Any] = {}
    keyed[1] = keyed
    assert "cyclic" in str(refused(keyed))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda v: [v],
        lambda v: (v,),
        lambda v: {"a": v},
        lambda v: {1: v},
        lambda v: Point(1, v),
        lambda v: Row(v),
    ],
    ids=["list", "tuple", "dict", "pairs", "dataclass", "namedtuple"],
)
def test_100_000_levels_are_too_deep_not_a_crash(wrap):
    value: Any = None
    for _ in range(100_000):
        value = wrap(value)
    error = refused(value)
    assert f"deeper than {MAX_DEPTH}" in str(error)
    assert len(str(error)) < 300
    while value is not None:  # taken apart level by level: some of these would crash Python's own free
        parts = (
            list(value.values())
            if isinstance(value, dict)
            else [value.y]
            if isinstance(value, Point)
            else value
        )
        value, inner = parts[0], value
        if isinstance(inner, Point):
            inner.y = None


def test_a_full_stack_is_an_encode_error_too():
    def dive(depth: int) -> EncodeError:
        return dive(depth - 1) if depth else refused(nested)

    nested: Any = 1
    for _ in range(150):
        nested = [nested]
    frames, frame = 0, sys._getframe()
    while frame := frame.f_back:
        frames += 1
    assert "deep" in str(dive(sys.getrecursionlimit() - frames - 100))


@pytest.mark.parametrize(
    "value",
    ["x" * 2000, ["x" * 2000], b"x" * 2000, {"a": {"b": "x" * 2000}}, list(range(2000)), {"\ud800" * 2000}],
    ids=["str", "list", "bytes", "dict", "numbers", "surrogates"],
)
def test_above_the_cap(value):
    with pytest.raises(PayloadTooLarge, match=r"result is above the cap of 1,000 bytes"):
        encode(value, where="result", limit=1000)
    encode(value, where="result", limit=20_000)


def test_a_small_value_that_would_grow_without_end_is_refused_before_it_does():
    bomb: Any = "x" * 1000
    for _ in range(12):
        bomb = [bomb] * 12
    began = time.process_time()
    with pytest.raises(PayloadTooLarge):
        encode(bomb)
    with pytest.raises(PayloadTooLarge):
        encode(["y" * 2**20] * 100_000)
    assert time.process_time() - began < 3


@dataclass
class Sour:
    x: int

    def __getattribute__(self, name: str) -> Any:
        raise ValueError("sour")


def test_what_a_user_class_raises_while_it_is_read_is_an_encode_error():
    assert "ValueError: sour" in str(refused(Sour(1)))
