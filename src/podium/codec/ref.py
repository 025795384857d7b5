"""What stands for a value that is kept by reference where nobody may look into it, and what a record tells of
such values without them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any

from ..errors import UsageError
from ..sizes import spelled_size

_NAMED = re.compile(rb'"!ref":\["[^"]*","([0-9a-f]{64})",(\d+)')
REFERENCE = b'"!ref":'  # stands in an encoded value that names files, and in no other
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Ref:
    """In the place of a value that is kept by reference, where nobody may look into it: in the body of a
    workflow. It can be passed on, returned, kept in lists and compared with another one.
    """

    __slots__ = ("__weakref__", "tree")
    tree: list[Any]  # as it is recorded

    def __init__(self, tree: list[Any]) -> None:
        object.__setattr__(self, "tree", tree)

    def __repr__(self) -> str:
        return shown(self.tree)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":  # Python and libraries ask for these, to see what it can do
            raise AttributeError(name)
        raise _looked_into(self)

    def __setattr__(self, name: str, value: Any) -> None:
        raise _looked_into(self)

    def __eq__(self, other: object) -> bool:
        if type(other) is Ref:
            return other.tree[:2] == self.tree[:2]
        if other is None:
            return False
        raise _looked_into(self)

    def __hash__(self) -> int:
        return hash(tuple(self.tree[:2]))


def _looked_into(ref: Ref) -> UsageError:
    return UsageError(
        f"{_user_line()}: {ref!r} is kept by reference, and here is only what stands for it",
        fix="pass it to a task, which gets the value, and decide by what that returns",
    )


def _user_line() -> str:
    """ "file:line" of the innermost frame that is not ours."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]  # as `caller` of the machine does
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    file = os.path.relpath(frame.f_code.co_filename)
    return f"{frame.f_code.co_filename if file.startswith('..') else file}:{frame.f_lineno}"


def _refuses(name: str) -> Callable[..., Any]:
    def refuse(self: Ref, *args: Any) -> Any:
        raise _looked_into(self)

    refuse.__name__ = name
    return refuse


# Python looks these up on the class, past __getattr__.
for _name in (
    *("len", "iter", "getitem", "setitem", "contains", "bool", "int", "float", "index", "complex", "bytes"),
    *("add", "radd", "sub", "rsub", "mul", "rmul", "matmul", "rmatmul", "truediv", "rtruediv", "floordiv"),
    *("rfloordiv", "mod", "rmod", "pow", "rpow", "neg", "pos", "abs", "invert", "and", "rand", "or", "ror"),
    *("xor", "rxor", "lshift", "rshift", "lt", "le", "gt", "ge", "call", "enter", "array", "fspath", "next"),
):
    setattr(Ref, f"__{_name}__", _refuses(f"__{_name}__"))


def shown(tree: Any) -> str:
    """What is kept, for people: "<ndarray float64 (2500, 2500), 50 MB>"."""
    _, _, size, about, *_ = tree
    return f"<{about}, {spelled_size(size)}>"


def names_in(payload: bytes) -> list[str]:
    """The files of the depot that an encoded value names, without repeats."""
    return list(sizes_in(payload))


def sizes_in(payload: bytes) -> dict[str, int]:
    """The same with their bytes.

    The mark cannot stand there for anything else: text escapes its quotes, and a dict with such a key is
    written as pairs.
    """
    if payload.find(REFERENCE) < 0:
        return {}
    return {name.decode(): int(size) for name, size in _NAMED.findall(payload)}


def holds_references(payload: bytes) -> bool:
    """Whether an encoded value names any."""
    return payload.find(REFERENCE) >= 0
