"""Writers and readers for the classes that users make: enums, dataclasses, named tuples, structs, models.

Each is restored as the kind that was recorded, from its fields, past its constructor.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import dataclasses
import enum
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import msgspec

from .names import name_of
from .untag import Reader, Unreadable, Untag
from .walk import Tree, Walk, Writer, write_dict, write_fields, write_items

# Default factories that reading may call: builtins, so that no user code runs.
_SAFE_FACTORIES = (list, dict, set, tuple, frozenset, str, int, float, bool, bytes)
_NONE: Any = object()  # the class has no default for a field


# -- which writer a class gets -----------------------------------------------------------------------


def class_writer(cls: type) -> Writer | None:
    """The writer for a user's class, or None where it could not be restored."""
    if issubclass(cls, enum.Flag):
        return partial(_write_flag, name_of(cls))
    if issubclass(cls, enum.Enum):
        return partial(_write_enum, name_of(cls))
    if issubclass(cls, msgspec.Struct):
        return partial(write_fields, "!struct", name_of(cls), cls.__struct_fields__)
    if _is_namedtuple(cls):
        return partial(write_fields, "!namedtuple", name_of(cls), cls._fields)
    if _is_model(cls):
        return partial(_write_model, name_of(cls))
    if _is_dataclass(cls):
        return partial(write_fields, "!dataclass", name_of(cls), _field_names(cls))
    return None


def _is_namedtuple(cls: type) -> bool:
    return issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def _is_model(cls: type) -> bool:
    # Pydantic is the user's: when it was never imported, nothing can be a model.
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return base is not None and issubclass(cls, base)


@lru_cache(maxsize=4096)
def _is_dataclass(cls: type) -> bool:
    # A plain subclass of a dataclass may keep more than the fields, which would be lost silently; one that
    # derives from a builtin keeps a part that `object.__new__` cannot make.
    return "__dataclass_fields__" in vars(cls) and all(
        base is object or base.__module__ != "builtins" for base in cls.__mro__
    )


@lru_cache(maxsize=4096)
def _field_names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


# -- writing -----------------------------------------------------------------------------------------


def _write_enum(name: str, value: enum.Enum, walk: Walk, depth: int) -> Tree:
    return {"!enum": name, "member": value.name}


def _write_flag(name: str, value: enum.Flag, walk: Walk, depth: int) -> Tree:
    return {"!enum": name, "value": walk.tree(int(value.value), depth)}


def _write_model(name: str, value: Any, walk: Walk, depth: int) -> Tree:
    kind: Any = type(value)
    out = write_fields("", name, tuple(kind.model_fields), value, walk, depth)
    tree: dict[str, Tree] = {"!pydantic": out.pop(""), "fields": out}
    tree["set"] = write_items(sorted(value.__pydantic_fields_set__), walk, depth)
    for key, extra in (("extra", value.__pydantic_extra__), ("private", value.__pydantic_private__)):
        if extra:
            tree[key] = write_dict(extra, walk, depth + 1)
    return tree


# -- reading -----------------------------------------------------------------------------------------


def _class(name: Any, untag: Untag, is_kind: Any, kind: str) -> Any:
    found = untag.names.find(name)
    if found is None:
        raise Unreadable(f"is a {name}, which is not imported here (or not there any more)")
    if not is_kind(found):
        raise Unreadable(f"was stored as a {kind}, but {name} is none")
    return found


def _read_enum(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    cls = _class(name, untag, lambda cls: issubclass(cls, enum.Enum), "enum")
    if "value" not in rest:
        if (member := cls.__members__.get(rest["member"])) is None:
            raise Unreadable(f"is the member {rest['member']} of {name}, which has no such member")
        return member
    value = untag.read(rest["value"])
    if type(value) is not int or not issubclass(cls, enum.Flag):
        raise TypeError("a flag's number is needed")
    known: Any = cls._value2member_map_.get(value)
    if known is None:
        # Flag's own maker of combinations, past any `_missing_` of the user.
        known = enum.Flag._missing_.__func__(cls, value)
    if not isinstance(known, cls):
        raise ValueError(f"{value} is no combination of its members")
    return known


def _fill(
    found: dict[str, Any], fields: tuple[str, ...], default_of: Callable[[str], Any], name: str
) -> None:
    """Complete field values from the defaults of today's class; complain of what it does not know."""
    if tuple(found) == fields:
        return
    for field in found:
        if field not in fields:
            raise Unreadable(f"has the field {field!r}, which {name} has not any more")
    for field in fields:
        if field not in found:
            default = default_of(field)
            if default is _NONE:
                raise Unreadable(f"lacks the field {field!r} of {name}, which has no default")
            if default is not msgspec.UNSET:
                found[field] = default


def _read_dataclass(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    cls = _class(name, untag, _is_dataclass, "dataclass")
    found = untag.members(rest)
    _fill(found, _field_names(cls), partial(_field_default, cls), name)
    made = object.__new__(cls)
    for field, value in found.items():
        object.__setattr__(made, field, value)
    return made


def _field_default(cls: Any, name: str) -> Any:
    field = next(field for field in dataclasses.fields(cls) if field.name == name)
    if field.default is not dataclasses.MISSING:
        return field.default
    factory: Any = field.default_factory
    if factory in _SAFE_FACTORIES:
        return factory()
    return _NONE if field.init else msgspec.UNSET  # one that __init__ does not set may be unset


def _read_namedtuple(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    cls = _class(name, untag, _is_namedtuple, "namedtuple")
    found = untag.members(rest)
    _fill(found, cls._fields, lambda field: cls._field_defaults.get(field, _NONE), name)
    return tuple.__new__(cls, [found[field] for field in cls._fields])


def _read_struct(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    # msgspec offers no way to make a struct past its `__post_init__`, and runs it itself when it decodes.
    cls = _class(name, untag, lambda cls: issubclass(cls, msgspec.Struct), "struct")
    return cls(**untag.members(rest))


def _read_model(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    cls = _class(name, untag, _is_model, "Pydantic model")
    found = untag.members(rest["fields"])

    def default_of(field: str) -> Any:
        info = cls.model_fields[field]
        if info.default_factory in _SAFE_FACTORIES:
            return info.default_factory()
        return _NONE if info.is_required() or info.default_factory else info.default

    _fill(found, tuple(cls.model_fields), default_of, name)
    inner = {key: untag.read(rest[key]) if key in rest else None for key in ("set", "extra", "private")}
    if inner["extra"] is None and cls.model_config.get("extra") == "allow":
        inner["extra"] = {}
    made = object.__new__(cls)  # what model_construct does, past its user-defined forms
    object.__setattr__(made, "__dict__", found)
    object.__setattr__(made, "__pydantic_fields_set__", set(inner["set"] or ()))
    object.__setattr__(made, "__pydantic_extra__", inner["extra"])
    object.__setattr__(made, "__pydantic_private__", inner["private"])
    return made


READERS: dict[str, Reader] = {
    "!enum": _read_enum,
    "!dataclass": _read_dataclass,
    "!namedtuple": _read_namedtuple,
    "!struct": _read_struct,
    "!pydantic": _read_model,
}
