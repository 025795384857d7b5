"""Writers and readers for the classes that users make: enums, dataclasses, named tuples, structs, models.

Each is restored as the kind that was recorded, from its fields, past its constructor.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import dataclasses
import enum
import functools
import sys
from collections.abc import Callable, Set
from functools import lru_cache, partial
from typing import Any

import msgspec

from .conform import matches, shown
from .names import Names, field_hints, leads_to, mentioned, name_of, stored_name
from .refusals import Refusal, refuse_nameless
from .type_names import type_name
from .untag import Reader, Unreadable, Untag
from .walk import AS_IS, Fields, Tree, Walk, Writer, write_dict, write_fields, write_items

# Default factories that reading may call: builtins, so that no user code runs.
_SAFE_FACTORIES = (list, dict, set, tuple, frozenset, str, int, float, bool, bytes)
_NONE: Any = object()  # the class has no default for a field


# -- which writer a class gets -----------------------------------------------------------------------


def class_writer(cls: type) -> Writer | None:
    """The writer for a user's class, or None where it could not be restored."""
    if issubclass(cls, enum.Flag):
        return _by_name(cls, _write_flag)
    if issubclass(cls, enum.Enum):
        return _by_name(cls, _write_enum)
    if issubclass(cls, msgspec.Struct):
        return _by_name(cls, _fields_writer("!struct", cls, cls.__struct_fields__))
    if _is_namedtuple(cls):
        return _by_name(cls, _fields_writer("!namedtuple", cls, cls._fields))
    if _is_pydantic_value(cls):
        return _by_name(cls, _write_pydantic_value)
    if _is_model(cls):
        return _by_name(cls, _model_writer(cls))
    if _is_dataclass(cls):
        return _by_name(cls, _fields_writer("!dataclass", cls, _field_names(cls)))
    return None


_NamedWriter = Callable[[str, Any, Walk, int], Tree]


def _by_name(cls: type, write: _NamedWriter) -> Writer:
    """Write values of `cls` under a name that leads back to it: now, and whenever one is written."""
    name = name_of(cls)

    def writer(value: Any, walk: Walk, depth: int) -> Tree:
        nonlocal name
        if walk.found is None or cls not in walk.found:
            name = _checked_name(name, cls, walk)
        return write(name, value, walk, depth)

    return writer


def _checked_name(name: str, cls: type, walk: Walk) -> str:
    if not leads_to(name, cls):
        own = name_of(cls)
        name = stored_name(cls) or own
        if name == own and mentioned(walk.annotation).get(own) is not cls and not leads_to(own, cls):
            raise refuse_nameless(cls, own, Names().find(own) is not None)
    if walk.found is None:
        walk.found = set()
    walk.found.add(cls)
    return name


def _fields_writer(tag: str, cls: type, names: tuple[str, ...]) -> _NamedWriter:
    fields = Fields(names, field_hints(cls), matches)
    if not cls.__dictoffset__:
        return lambda name, value, walk, depth: write_fields(tag, name, fields, value, walk, depth)
    known = frozenset(names) | _recomputed(cls)

    def write(name: str, value: Any, walk: Walk, depth: int) -> Tree:
        if not known.issuperset(vars(value)):
            _refuse_more(value, known)
        return write_fields(tag, name, fields, value, walk, depth)

    return write


def _recomputed(cls: type) -> set[str]:
    """Attributes that are made again when they are asked for."""
    return {
        name
        for base in cls.__mro__
        for name, thing in vars(base).items()
        if isinstance(thing, functools.cached_property)
    }


def _refuse_more(value: Any, known: Set[str]) -> None:
    """What is no field would be lost; what Python keeps there (`__orig_class__`) is not missed."""
    for name in vars(value):
        if name not in known and not (name.startswith("__") and name.endswith("__")):
            kind = type(value).__qualname__
            text = f"is a {kind} with the attribute {name!r} beside its fields, which would be lost"
            raise Refusal(Refusal.WHAT, text, f"declare it as a field of {kind}, or do not store it")


def _is_namedtuple(cls: type) -> bool:
    return issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def _is_model(cls: type) -> bool:
    # Pydantic is the user's: when it was never imported, nothing can be a model.
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return base is not None and issubclass(cls, base)


def _is_pydantic_value(cls: type) -> bool:
    """What models hold beside plain data: URLs, secrets, sizes; pydantic's own classes, and its alone."""
    pydantic: Any = sys.modules.get("pydantic")
    return cls.__module__ in ("pydantic.networks", "pydantic.types") and (
        issubclass(cls, (pydantic.SecretStr, pydantic.SecretBytes, pydantic.ByteSize))
        or (cls.__module__ == "pydantic.networks" and cls.__name__.endswith(("Url", "Dsn")))
    )


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


def _write_pydantic_value(name: str, value: Any, walk: Walk, depth: int) -> Tree:
    if hasattr(value, "get_secret_value"):
        plain = value.get_secret_value()
    else:
        plain = int(value) if isinstance(value, int) else str(value)
    return {"!pydantic_value": [name, walk.tree(plain, depth)]}


def _model_writer(cls: Any) -> _NamedWriter:
    fields = Fields(tuple(cls.model_fields), field_hints(cls), matches)

    def write(name: str, value: Any, walk: Walk, depth: int) -> Tree:
        out = write_fields("", name, fields, value, walk, depth)
        tree: dict[str, Tree] = {"!pydantic": out.pop(""), "fields": out}
        tree["set"] = write_items(sorted(value.__pydantic_fields_set__), walk, depth)
        for key, extra in (("extra", value.__pydantic_extra__), ("private", value.__pydantic_private__)):
            if extra:
                tree[key] = write_dict(extra, walk, depth + 1)
        return tree

    return write


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


_hints_of = lru_cache(maxsize=4096)(field_hints)


def _members(cls: type, name: str, tree: dict[str, Any], untag: Untag) -> dict[str, Any]:
    """The recorded fields of an object, held against what their annotations say by now."""
    as_is: Any = tree.pop(AS_IS, ())
    found = untag.members(tree)
    hints = _hints_of(cls)
    for field, value in found.items():
        hint = hints.get(field, Any)
        # None tells nothing of a changed type; records of 0.1 do not say where it stood for a lacking value.
        if type(value) is hint or hint is Any or value is None or field in as_is or matches(value, hint):
            continue
        raise Unreadable(
            f"has {shown(value)} in the field {field!r}, which {name} says is {type_name(hint)} now"
        )
    return found


def _read_dataclass(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    cls = _class(name, untag, _is_dataclass, "dataclass")
    found = _members(cls, name, rest, untag)
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
    found = _members(cls, name, rest, untag)
    _fill(found, cls._fields, lambda field: cls._field_defaults.get(field, _NONE), name)
    return tuple.__new__(cls, [found[field] for field in cls._fields])


def _read_struct(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    # msgspec offers no way to make a struct past its `__post_init__`, and runs it itself when it decodes.
    cls = _class(name, untag, lambda cls: issubclass(cls, msgspec.Struct), "struct")
    return cls(**_members(cls, name, rest, untag))


def _read_pydantic_value(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
    name, plain = payload
    return _class(name, untag, _is_pydantic_value, "value of Pydantic")(untag.read(plain))


def _read_model(name: Any, rest: dict[str, Any], untag: Untag) -> Any:
    cls = _class(name, untag, _is_model, "Pydantic model")
    found = _members(cls, name, rest["fields"], untag)

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
    "!pydantic_value": _read_pydantic_value,
}
