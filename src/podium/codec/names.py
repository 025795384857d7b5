"""Classes by name: "module:qualname", found only where someone has already imported them.

No import and no attribute hook runs: modules and classes are looked up in their own dictionaries. The
names of modules are those of `podium.modules`, so a script and a worker that imports it agree.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import dataclasses
import re
import sys
import typing
from typing import Any

from ..modules import MAIN, NO_FILE, had_name, imported_as, main_name, module_name

# Text escapes its quotes, and a dict with such a key is written as pairs: no other value looks like this.
_CLASS = re.compile(rb'"!(?:dataclass|struct|namedtuple|enum|pydantic)":"([^"]+)"')


def name_of(cls: type) -> str:
    """How stored data names a class."""
    return f"{module_name(cls.__module__)}:{cls.__qualname__}"


def _is_session(module: str) -> bool:
    """Whether a class was written at a prompt, or is there."""
    return module in MAIN or module.startswith(NO_FILE)


def stored_name(cls: type) -> str | None:
    """A name that leads back to this very class in every process that imports its module, or None.

    Its own name, else one under which its module keeps it: `Person = namedtuple("Record", "name age")` is
    "module:Person".
    """
    name = name_of(cls)
    if leads_to(name, cls):
        return name
    module = cls.__module__
    try:
        alias = next(key for key, thing in list(_space(sys.modules[module]).items()) if thing is cls)
    except (KeyError, StopIteration, AttributeError):
        return None
    return f"{module_name(module)}:{alias}"


def leads_to(name: str, cls: type) -> bool:
    """Whether reading `name` gives `cls`: not nothing, and not another class of that name."""
    module, _, qualname = name.partition(":")
    if (found := _look(cls.__module__, qualname)) is cls:
        return True
    return found is None and any(_look(candidate, qualname) is cls for candidate in _modules(module))


def _modules(module: str) -> tuple[str, ...]:
    """Where a stored name of a module may be found, under the names that modules have here."""
    if module in MAIN or had_name(main_name(), module):
        return ("__main__", module)
    return (module, imported_as(module))


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
        for candidate in _modules(module):
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


def classes_in(payload: bytes) -> dict[str, type]:
    """Classes that an encoded value is made of, by name, as far as they are imported here."""
    names = Names()
    found = {name: names.find(name) for name in map(bytes.decode, set(_CLASS.findall(payload)))}
    return {name: cls for name, cls in found.items() if cls is not None}


def _field_types(cls: type) -> list[Any]:
    has_fields = dataclasses.is_dataclass(cls) or "_fields" in vars(cls) or "__struct_fields__" in dir(cls)
    if not has_fields and "__pydantic_fields__" not in dir(cls):
        return []
    return list(field_hints(cls).values())


def field_hints(cls: type) -> dict[str, Any]:
    """Annotations of a class by field; those that cannot be resolved are left out."""
    try:
        return typing.get_type_hints(cls)
    except Exception:  # names that only a type checker can see; the plain ones still help
        found = {name: hint for base in reversed(cls.__mro__) for name, hint in _annotations(base).items()}
        return {name: hint for name, hint in found.items() if not isinstance(hint, str)}


def _annotations(cls: type) -> dict[str, Any]:
    return vars(cls).get("__annotations__", {})
