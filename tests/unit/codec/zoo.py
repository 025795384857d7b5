"""Classes of every kind that users make, importable under a stable name."""

from __future__ import annotations

import enum
from dataclasses import InitVar, dataclass, field
from typing import Any, NamedTuple

import msgspec


class Color(enum.Enum):
    RED = 1
    BLUE = "b"
    CRIMSON = 1  # noqa: PIE796  # an alias


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(str, enum.Enum):
    YES = "yes"


class Name(enum.StrEnum):
    ADA = "ada"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Bits(enum.IntFlag):
    ONE = 1
    TWO = 2


@dataclass
class Point:
    x: int
    y: Any = 0

    @dataclass(frozen=True)
    class Inner:
        z: int


@dataclass(frozen=True, slots=True)
class Frozen:
    name: Any
    tags: frozenset[Any] = frozenset()


@dataclass
class Guarded:
    """Its constructor must not run when it is read."""

    value: int
    seed: InitVar[int] = 0
    doubled: int = field(init=False)

    def __post_init__(self, seed: int) -> None:
        if seed != 7:
            raise AssertionError("the constructor ran")
        self.doubled = self.value * 2


class Row(NamedTuple):
    key: Any
    value: Any = None


class Packet(msgspec.Struct, frozen=True):
    body: Any
    kind: str = "data"
    extra: Any = msgspec.UNSET


class Node:
    """No kind that can be stored."""


class CodeError(Exception):
    """Keeps more than its args, and cannot be made from them."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.hint = hint
        self.handle = Node()


class Picky(Exception):
    def __new__(cls, *args: Any) -> Picky:
        calls.append("new")
        return super().__new__(cls, *args)

    def __init__(self, *args: Any) -> None:
        calls.append("init")


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attributes")


calls: list[str] = []


@dataclass(frozen=True)
class FrozenError(Exception):
    """Nobody may set an attribute, not even `__cause__`."""

    code: int


class GuardedError(Exception):
    """Its attributes are nobody's business."""

    def __setattr__(self, name, value):
        raise RuntimeError(name)
