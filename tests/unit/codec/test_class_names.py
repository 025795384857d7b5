"""What is written of a class is a name, so it must lead back to this very class, or nothing is written."""

from __future__ import annotations

import collections
import dataclasses
import enum
import sys
import types
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import pytest

from podium.codec import decode, encode, encode_call
from podium.errors import DecodeError, EncodeError

T = TypeVar("T")

Person = collections.namedtuple("Record", "name age")  # bound to another name than its own
Shade = enum.Enum("Colour", "RED BLUE")
Made = dataclasses.make_dataclass("Made", ["x"], namespace={"__module__": __name__})


@dataclass
class Outer:
    x: int

    @dataclass
    class Inner:
        y: int

        class Deep(enum.Enum):
            A = 1


@dataclass
class Order:
    """Shadowed by the one below."""

    n: int


First = [Order(1)]


@dataclass
class Order:  # type: ignore[no-redef]  # that is the case
    n: int


def refused(value: Any) -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        encode(value)
    with pytest.raises(EncodeError):
        encode_call({"x": [value]}, where="f")
    return caught.value


def local_classes() -> list[Any]:
    @dataclass
    class Plain:
        x: int

    class Pair(NamedTuple):
        x: int

    class Kind(enum.Enum):
        A = 1

    class Bits(enum.Flag):
        ONE = 1

    class Packet(msgspec.Struct):
        x: int

    rows = collections.namedtuple("rows", "x")
    return [
        Plain(1),
        Pair(1),
        Kind.A,
        Bits.ONE,
        Packet(1),
        rows(1),
        dataclasses.make_dataclass("Point", ["x"])(1),
    ]


@pytest.mark.parametrize("value", local_classes(), ids=lambda value: type(value).__name__)
def test_a_class_made_in_a_function_is_refused_at_once(value: Any) -> None:
    assert "module" in refused(value).fix


def test_a_class_that_was_defined_anew_is_refused_and_the_new_one_is_not() -> None:
    assert "defined anew" in str(refused(First[0]))
    assert decode(encode(Order(2))) == Order(2)


def test_so_is_one_whose_outer_class_was_defined_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Outer.Inner(1)
    assert decode(encode(old)) == old
    again = type("Outer", (), {"Inner": type("Inner", (), {}), "__module__": __name__})
    monkeypatch.setitem(globals(), "Outer", again)
    assert "defined anew" in str(refused(old))


def test_one_whose_module_was_loaded_anew_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> types.ModuleType:
        module = types.ModuleType("loaded")
        monkeypatch.setitem(sys.modules, "loaded", module)
        exec("from dataclasses import dataclass\n@dataclass\nclass Job:\n    x: int\n", module.__dict__)
        return module

    old = load().Job(1)
    assert decode(encode(old)) == old
    new = load().Job(1)
    assert "defined anew" in str(refused(old))
    assert decode(encode(new)) == new
    monkeypatch.delitem(sys.modules, "loaded")
    assert "loaded:Job" in str(refused(new))


@pytest.mark.parametrize(
    "value",
    [Person("Ada", 36), Shade.RED, Made(1), Outer.Inner(1), Outer.Inner.Deep.A],
    ids=["namedtuple", "enum", "make_dataclass", "nested", "nested deeper"],
)
def test_a_class_that_its_module_has_under_another_name_comes_back(value: Any) -> None:
    copied = decode(encode([value]))[0]
    assert type(copied) is type(value)
    assert copied == value


def test_a_class_gets_its_name_when_it_is_bound_not_for_ever_none() -> None:
    kind = dataclasses.make_dataclass("Late", ["x"], namespace={"__module__": __name__})
    assert "Late" in str(refused(kind(1)))
    globals()["Late"] = kind
    try:
        assert decode(encode(kind(1))) == kind(1)
    finally:
        del globals()["Late"]


def test_of_two_twins_of_a_script_either_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python moderate.py`, some module of which imports `moderate`: two classes of one source."""
    twins = []
    for name in ("__main__", "moderate"):
        module = types.ModuleType(name)
        module.__file__ = "/srv/app/moderate.py"
        monkeypatch.setitem(sys.modules, name, module)
        exec("from dataclasses import dataclass\n@dataclass\nclass Job:\n    x: int\n", module.__dict__)
        twins.append(module.Job(3))
    assert [decode(encode(twin)).x for twin in twins] == [3, 3]


# -- what stands beside the fields ---------------------------------------------------------------------


@dataclass
class Cart(Generic[T]):
    items: list[T] = field(default_factory=list)

    @cached_property
    def total(self) -> int:
        return len(self.items)


class Pair(collections.namedtuple("Pair", "a b")):
    """With a dict of its own."""


class Loose(msgspec.Struct, dict=True):
    x: int


@pytest.mark.parametrize("value", [Cart([1]), Pair(1, 2), Loose(1)], ids=["dataclass", "tuple", "struct"])
def test_an_attribute_beside_the_fields_is_refused_and_not_lost(value: Any) -> None:
    value.note = "kept by hand"
    error = refused(value)
    assert "'note'" in str(error)
    assert "field" in error.fix


def test_what_is_made_again_when_asked_for_is_not_missed() -> None:
    cart = Cart[int]([1, 2])  # Python keeps `__orig_class__` on it
    assert cart.total == 2
    assert "total" in vars(cart)
    copied = decode(encode(cart))
    assert copied == cart
    assert copied.total == 2


# -- fields that changed their type --------------------------------------------------------------------

BEFORE_AND_AFTER = [
    ("int", "5", "str"),
    ("str", "'5'", "int"),
    ("list[int]", "[5]", "list[str]"),
    ("dict[str, int]", "{'a': 5}", "dict[str, str]"),
    ("set[int]", "{5}", "set[str]"),
    ("tuple[int, ...]", "(5,)", "tuple[str, ...]"),
    ("int | None", "5", "str | None"),
    ("str", "'red'", "Kind"),
    ("Kind", "Kind.A", "str"),
    ("Leaf", "Leaf(1)", "Twig"),
    ("list[Leaf]", "[Leaf(1)]", "list[Twig]"),
]
HEAD = """
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
import msgspec
class Kind(Enum):
    A = "red"
class Leaf(NamedTuple):
    x: int
class Twig(NamedTuple):
    x: int
"""
KINDS = {
    "dataclass": "@dataclass\nclass Holder:\n    n: {}\n",
    "namedtuple": "class Holder(NamedTuple):\n    n: {}\n",
    "struct": "class Holder(msgspec.Struct):\n    n: {}\n",
    "pydantic": "class Holder(BaseModel):\n    n: {}\n",
}


def module_with(kind: str, annotation: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    module = types.ModuleType("holders")
    monkeypatch.setitem(sys.modules, "holders", module)
    head = HEAD
    if kind == "pydantic":
        pytest.importorskip("pydantic")
        head += "from pydantic import BaseModel\n"
    exec(head + KINDS[kind].format(annotation), module.__dict__)
    return module.__dict__


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("before", "value", "after"), BEFORE_AND_AFTER)
def test_a_field_whose_type_changed_is_not_read_as_if_nothing_were(
    kind: str, before: str, value: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = module_with(kind, before, monkeypatch)
    data = encode(eval(f"Holder(n={value})", space))
    assert encode(decode(data)) == data
    module_with(kind, after, monkeypatch)
    with pytest.raises(DecodeError, match="field 'n', which holders:Holder says is"):
        decode(data)


@pytest.mark.parametrize(("before", "value", "after"), [("int", "5", "float"), ("int", "5", "int | None")])
def test_a_field_whose_type_got_wider_is_read(
    before: str, value: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(eval(f"Holder(n={value})", module_with("dataclass", before, monkeypatch)))
    module_with("dataclass", after, monkeypatch)
    assert decode(data).n == 5


def test_a_field_that_never_fitted_its_annotation_comes_back_as_it_was() -> None:
    value = Outer("not a number")  # type: ignore[arg-type]  # that is the case
    data, digest = encode_call({"x": value}, where="f")
    assert decode(data) == {"x": value}
    assert encode_call({"x": Outer(3)}, where="f")[1] != digest
    assert decode(b'{"!dataclass":"tests.unit.codec.test_class_names:Outer","x":null}') == Outer(None)  # type: ignore[arg-type]  # as above
