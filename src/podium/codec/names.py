"""Classes by name: "module:qualname", found only where someone has already imported them.

No import and no attribute hook runs: modules and classes are looked up in their own dictionaries. The
names of modules are those of `podium.modules`, so a script and a worker that imports it agree.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import dataclasses
import sys
import typing
from typing import Any

from ..modules import MAIN, NO_FILE, had_name, imported_as, main_name, module_name


def name_of(cls: type) -> str:
    """How stored data names a class."""
    return f"{module_name(cls.__module__)}:{cls.__qualname__}"


def _is_session(module: str) -> bool:
    """Whether a class was written at a prompt, or is there."""
    return module in MAIN or module.startswith(NO_FILE)


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
        is_main = module in MAIN or had_name(main_name(), module)
        modules = ("__main__", module) if is_main else (module, imported_as(module))
        for candidate in modules:
            if (found := _look(candidate, qualname)) is not None:
                return found
        if self._mentioned is None:
            self._mentioned = mentioned(self._annotation)
        if (found := self._mentioned.get(name)) is not None:
            return found
        # Written at a prompt, or read by one: then only the qualified name can agree. So for what was written
        # when its module had another name.
        for other, cls in self._mentioned.items():
            theirs, _, same = other.partition(":")
            session = _is_session(module) or cls.__module__ in MAIN
            if same == qualname and (session or had_name(theirs, module)):
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
