"""A digest depends on the call alone: not on hash seeds, insertion order or the version that made it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest

from podium.codec import decode, encode_call
from tests.unit.codec.zoo import Access, CodeError, Color, Frozen, Packet, Point, Row

PROGRAM = """
import sys
from tests.unit.codec.zoo import Color, Frozen, Point
from podium.codec import encode_call

words = {"b", "a", "ccc", "\\0", "\\ud800", ""}
mixed = {1, "1", None, 2.5, (1, "x"), Color.RED, b"z", frozenset(words), Frozen("f", frozenset(words))}
pairs = {Frozen(word): word for word in words}
try:
    raise KeyError(object())
except KeyError as error:
    failure = error
bound = {"words": words, "mixed": mixed, "point": Point(1, [pairs, words]), "numbers": set(range(-9, 9)),
         "failure": failure, "nested": {"z": 1, "y": {"b": {2, "a"}, "a": 0}}}
args, digest = encode_call(bound, where="f")
sys.stdout.buffer.write(digest + args)
"""


def test_equal_under_every_hash_seed():
    root, path = Path(__file__).parents[3], ":".join(filter(None, sys.path))
    seen = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}:{path}"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "42")
    ]
    assert len({output[:12] for output in seen}) == 1
    assert decode(seen[0][12:])["words"] == {"b", "a", "ccc", "\0", "\ud800", ""}


def test_equal_whatever_the_insertion_order():
    _, one = encode_call({"a": {"x": 1, "y": {3, 2, 1}}, "b": {1: 2, "1": 3}}, where="f")
    _, other = encode_call({"b": {"1": 3, 1: 2}, "a": {"y": {1, 2, 3}, "x": 1}}, where="f")
    assert one == other


# What version 0.1 had on record for these calls: a run of its time goes on under this code.
RECORDED: list[tuple[dict[str, Any], str]] = [
    ({}, "bf78e4a953b40eee238ca2e9"),
    ({"url": "https://x", "days": 7}, "b8588b0386284c0d894febe7"),
    ({"rows": [{"name": "Ada", "city": "Oslo", "age": 36}]}, "4602b2f252fe04a4534c424c"),
    ({"kwargs": {"b": 1, "a": {2: "x", 1: "y"}}}, "32bc3ea4673291121001c266"),
    ({"z": {3, 1, 2}, "a": frozenset({"b", "a"})}, "d9cba4a8f52025fc3c131be4"),
    ({"point": Point(1, {"z": Row("k", (1,)), "y": Packet(b"q")})}, "d8745d0eb08357ba78470966"),
    (
        {
            "counts": Counter("hello"),
            "order": OrderedDict(b=1, a=2),
            "more": defaultdict(list, {"z": [1], "c": []}),
        },
        "5a29a8001d0a4348bb57ffd4",
    ),
    (
        {"error": CodeError(4, hint="h"), "bits": Access.READ, "c": Color.BLUE},
        "d7ed03c5241f40971b81bd25",
    ),
    (
        {
            "frozen": {Frozen("b", frozenset({"y", "x"})): 1, Frozen("a"): 2},
            "nul": "\0",
            "when": dt.date(2026, 1, 2),
        },
        "e41eab692474e1a53ebe64c9",
    ),
    ({"text": "\ud800", "many": {"q": 10**700, "b": 1.5}}, "fb084c49348866c9c4af331d"),
]


@pytest.mark.parametrize(("call", "digest"), RECORDED, ids=range(len(RECORDED)))
def test_the_digests_on_record_stay_what_they_were(call: dict[str, Any], digest: str):
    assert encode_call(call, where="f")[1].hex() == digest


def test_different_calls_have_different_digests():
    calls = [
        {"x": 1},
        {"x": 1.0},
        {"x": True},
        {"x": "1"},
        {"x": [1]},
        {"x": (1,)},
        {"x": {1}},
        {"x": {1: 1}},
        {},
    ]
    assert len({encode_call(call, where="f")[1] for call in calls}) == len(calls)
