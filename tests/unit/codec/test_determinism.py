"""The bytes that feed a digest depend on the call alone, not on hash seeds or insertion order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from podium.codec import decode, encode_call

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
sys.stdout.buffer.write(encode_call(bound, where="f"))
"""


def test_equal_under_every_hash_seed():
    root, path = Path(__file__).parents[3], ":".join(filter(None, sys.path))
    seen = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}:{path}"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "42")
    }
    assert len(seen) == 1
    assert decode(seen.pop())["words"] == {"b", "a", "ccc", "\0", "\ud800", ""}


def test_equal_whatever_the_insertion_order():
    one = encode_call({"a": {"x": 1, "y": {3, 2, 1}}, "b": {1: 2, "1": 3}}, where="f")
    other = encode_call({"b": {"1": 3, 1: 2}, "a": {"y": {1, 2, 3}, "x": 1}}, where="f")
    assert one == other


def test_different_calls_have_different_bytes():
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
    assert len({encode_call(call, where="f") for call in calls}) == len(calls)
