"""The names in a function's code: globals, attributes, and what it imports itself."""

from __future__ import annotations

import dis
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from ..modules import is_installed

_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")


class Names(NamedTuple):
    """Names in a function's code, and in functions and classes inside of it. Sorted."""

    read: tuple[str, ...]  # as globals
    attributes: tuple[str, ...]  # of anything
    imported: tuple[tuple[str, int], ...]  # modules, each with its dots


@lru_cache(4096)
def names_in(code: CodeType) -> Names:
    """The names in one code object and in those nested in it."""
    read, attributes, imported = set[str](), set[str](), set[tuple[str, int]]()
    for each in _nested(code):
        before: list[Any] = [0, 0]
        for step in dis.get_instructions(each):
            if step.opname == "EXTENDED_ARG":
                continue
            if step.opname in _GLOBALS:
                read.add(step.argval)
            elif step.opname in _ATTRIBUTES:
                attributes.add(step.argval)
            elif step.opname == "IMPORT_NAME":
                imported.add((step.argval, before[-2]))  # after its dots and the names from it
            before = [before[-1], step.argval]
    return Names(tuple(sorted(read)), tuple(sorted(attributes)), tuple(sorted(imported)))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def import_of(
    name: str,
    level: int,
    namespace: dict[str, Any],
    attributes: tuple[str, ...],
    is_own: Callable[[dict[str, Any]], bool],
) -> list[ModuleType]:
    """The program's own modules that an import statement in a body binds or passes through, imported.

    What is installed is not imported here. Raises what an import raises.
    """
    full = importlib.util.resolve_name("." * level + name, namespace.get("__package__")) if level else name
    found: list[ModuleType] = []
    parts = full.split(".")
    for end in range(1, len(parts) + 1):
        module = _own_module(".".join(parts[:end]), is_own)
        if module is None:
            return found
        found.append(module)
    if hasattr(found[-1], "__path__"):  # `from package import module`
        for each in attributes:
            if each not in vars(found[-1]) and importlib.util.find_spec(f"{full}.{each}") is not None:
                importlib.import_module(f"{full}.{each}")  # is an attribute from then on
    return found


def _own_module(name: str, is_own: Callable[[dict[str, Any]], bool]) -> ModuleType | None:
    """The module, imported; None where it is not the program's, or not there."""
    if name not in sys.modules:
        spec = importlib.util.find_spec(name)
        places = [spec.origin] if spec and spec.has_location else (spec and spec.submodule_search_locations)
        file = next(iter(places or ()), None)
        if file is None or is_installed(file):
            return None
        importlib.import_module(name)
    module = sys.modules[name]
    return module if is_own(vars(module)) else None
