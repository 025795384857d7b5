"""Classes by name: "module:qualname", found only where someone has already imported them.

No import and no attribute hook runs: modules and classes are looked up in their own dictionaries.
`__main__` counts as the module its file would be, so a script and a worker that imports it agree.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import dataclasses
import os
import sys
import typing
from typing import Any

_MAIN = ("__main__", "__mp_main__")


def main_name() -> str:
    """What `__main__` would be called if it were imported; "__main__" in a notebook or at a prompt."""
    main = sys.modules.get("__main__")
    if (spec := getattr(main, "__spec__", None)) is not None:
        return spec.name
    file = getattr(main, "__file__", None)
    return os.path.splitext(os.path.basename(file))[0] if file else "__main__"


def name_of(cls: type) -> str:
    """How stored data names a class."""
    module = cls.__module__
    return f"{main_name() if module in _MAIN else module}:{cls.__qualname__}"


class Names:
    """Finds classes in imported modules, else among those that an annotation mentions."""

    __slots__ = ("_annotation", "_found", "_mentioned")

    def __init__(self, annotation: Any = Any) -> None:
        self._annotation = annotation
        self._mentioned: dict[str, type] | None = None
        self._found: dict[str, type | None] = {}

    def find(self, name: str) -> type | None:
        """The class called `name`, or None."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> type | None:
        module, _, qualname = name.partition(":")
        modules = ("__main__", module) if module in _MAIN or module == main_name() else (module,)
        for candidate in modules:
            if (found := _look(candidate, qualname)) is not None:
                return found
        if self._mentioned is None:
            self._mentioned = mentioned(self._annotation)
        if (found := self._mentioned.get(name)) is not None:
            return found
        # Written at a prompt, or read by one: then only the qualified name can agree.
        for other, cls in self._mentioned.items():
            if other.partition(":")[2] == qualname and (module in _MAIN or cls.__module__ in _MAIN):
                return cls
        return None


def _look(module: str, qualname: str) -> type | None:
    here: Any = sys.modules.get(module)
    try:
        for part in qualname.split("."):
            # Past __getattribute__: a lazy module must not load because data mentions it.
            space = type.__getattribute__(here, "__dict__") if isinstance(here, type) else _space(here)
            here = space[part]
    except (AttributeError, KeyError, TypeError):
        return None
    return here if isinstance(here, type) else None


def _space(thing: object) -> dict[str, Any]:
    return object.__getattribute__(thing, "__dict__")


def mentioned(annotation: Any) -> dict[str, type]:
    """Classes that an annotation reaches, through type arguments and the fields of classes, by name."""
    found: dict[str, type] = {}
    todo, seen = [annotation], set[int]()
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        todo.extend(typing.get_args(item))
        if isinstance(item, type) and typing.get_origin(item) is None and item.__module__ != "builtins":
            found[name_of(item)] = item
            todo.extend(_field_types(item))
    return found


def _field_types(cls: type) -> list[Any]:
    has_fields = dataclasses.is_dataclass(cls) or "_fields" in vars(cls) or "__struct_fields__" in dir(cls)
    if not has_fields and "__pydantic_fields__" not in dir(cls):
        return []
    try:
        return list(typing.get_type_hints(cls).values())
    except Exception:  # names that only a type checker can see; the plain ones still help
        return [hint for hint in vars(cls).get("__annotations__", {}).values() if not isinstance(hint, str)]
