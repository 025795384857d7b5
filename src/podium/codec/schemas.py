"""JSON schemas of annotations, and whether a value fits one: so an answer is checked where it is given, by
whoever has only the question's row."""

from __future__ import annotations

import datetime
import decimal
import operator
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from .. import late
from ..depot import Depot
from ..errors import DecodeError, UsageError
from .api import decode, encode
from .type_names import type_name

if TYPE_CHECKING:
    import difflib
else:
    difflib = late.module(globals(), "difflib")


_OPEN = "podium-open"  # in a schema at its root: fields that it does not name are none of its business
_TYPES: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list, tuple),
    "object": (dict,),
}

_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", operator.ge),
    "exclusiveMinimum": ("more than", operator.gt),
    "maximum": ("at most", operator.le),
    "exclusiveMaximum": ("less than", operator.lt),
    "multipleOf": ("a multiple of", lambda value, step: value % step == 0),
}
_FORMATS: dict[str, Any] = {
    "date-time": datetime.datetime,
    "date": datetime.date,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "uuid": uuid.UUID,
    "decimal": decimal.Decimal,
}


def schema_of(annotation: Any) -> str:
    """The schema of an annotation as JSON; "" where it has none, so that anything fits."""
    if annotation is Any:
        return ""
    try:
        return msgspec.json.encode(msgspec.json.schema(annotation)).decode()
    except TypeError:
        return ""


def check_schema(value: Any, schema: str, what: str) -> None:
    """Raise UsageError where a value does not fit. `what` names it in the error."""
    if schema:
        _Plain(value).check(schema, what)


def encode_fitting(value: Any, annotation: Any, what: str, depot: Depot | None = None) -> bytes:
    """The bytes of a value that a person gives for what code returns: see `Given.fitting`.

    Example: `encode_fitting([1, 2], list[int], "the result of numbers()")`.
    """
    return Given(value, what, depot).fitting(annotation, what)


class Given:
    """A value as it is when a person gives it: what it is to fit may be looked up later, and who has given it
    may have changed it by then."""

    def __init__(self, value: Any, where: str, depot: Depot | None) -> None:
        """`where`: for EncodeError, which `payload` raises, so that what does not fit is told as that."""
        self._encoded: bytes | Exception
        try:
            self._encoded = encode(value, where=where, depot=depot)
        except Exception as error:  # whoever asks for it is told
            self._encoded = error
        self._plain = _Plain(value)

    @property
    def payload(self) -> bytes:
        """As it is stored. Raises EncodeError."""
        if isinstance(self._encoded, Exception):
            raise self._encoded
        return self._encoded

    def check(self, schema: str, what: str) -> None:
        """Raise UsageError where it does not fit. `what` names it in the error."""
        if schema:
            self._plain.check(schema, what)

    def fitting(self, annotation: Any, what: str) -> bytes:
        """The bytes, all of it held against the annotation of what code returns; `decode` alone looks at the
        first item of a list. Raises UsageError where it does not fit, and EncodeError."""
        self.check(schema_of(annotation), what)
        try:
            decode(self.payload, annotation)  # as the body will get it: a schema does not say all
        except DecodeError as error:
            fix = f"give what it returns, {type_name(annotation)}"
            raise UsageError(f"{what}: {error.message}", fix=fix) from None
        return self.payload


class _Plain:
    """A value in what JSON has, all of it a copy."""

    def __init__(self, value: Any) -> None:
        self._value, self._trouble = None, ""
        self._is_open = not isinstance(value, (dict, list, tuple))  # an object keeps all that its class has
        try:
            self._value = msgspec.to_builtins(value)
        except Exception as error:  # of a class that no schema tells of
            self._trouble = f"{value!r:.100}: {error}"

    def check(self, schema: str, what: str) -> None:
        root = msgspec.json.decode(schema)
        if self._is_open:
            root[_OPEN] = True
        try:
            trouble = self._trouble or _misfit(self._value, root, root, "")
        except TypeError as error:
            trouble = f"{self._value!r:.100}: {error}"
        if trouble:
            raise UsageError(f"{what}: {trouble}", fix=f"it is to fit {schema}")


def _misfit(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str) -> str:
    """What does not fit, and where; "" if all does."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _misfit(value, root.get("$defs", {}).get(name, {}), root, path)
    if "anyOf" in schema:
        troubles = [_misfit(value, each, root, path) for each in schema["anyOf"]]
        return "" if "" in troubles else troubles[0]
    place = f" at {path}" if path else ""
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is none of {schema['enum']}{place}"
    wanted = schema.get("type")
    if isinstance(wanted, str):
        fits = isinstance(value, _TYPES.get(wanted, (object,)))
        if not fits or (isinstance(value, bool) and wanted in ("integer", "number")):
            return f"{value!r} is no {wanted}{place}"
    if trouble := _out_of_bounds(value, schema):
        return f"{value!r} {trouble}{place}"
    if isinstance(value, dict):
        return _misfit_of_object(cast("dict[str, Any]", value), schema, root, path)
    if isinstance(value, (list, tuple)):
        return _misfit_of_items(cast("Sequence[Any]", value), schema, root, path)
    return ""


def _out_of_bounds(value: Any, schema: Mapping[str, Any]) -> str:
    """Which bound, pattern or format of its schema a value breaks, in words; "" if none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        bounds = [(_BOUNDS[name], schema[name]) for name in _BOUNDS if name in schema]
        return next(
            (f"is not {words} {bound}" for (words, fits), bound in bounds if not fits(value, bound)), ""
        )
    size = len(cast("Sequence[Any]", value)) if isinstance(value, (str, list, tuple, dict)) else None
    for least, most in (
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ):
        if size is not None and not schema.get(least, 0) <= size <= schema.get(most, size):
            return f"has a length of {size}, not {schema.get(least, 0)} to {schema.get(most, 'any')}"
    if isinstance(value, str):
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            return f"does not match {schema['pattern']}"
        kind = _FORMATS.get(schema.get("format", ""))
        if kind is not None:
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError:
                return f"is no {schema['format']}"
    return ""


def _misfit_of_items(
    value: Sequence[Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> str:
    first: Sequence[Mapping[str, Any]] = schema.get("prefixItems", ())
    for n, each in enumerate(value):
        wanted = first[n] if n < len(first) else schema.get("items")
        if isinstance(wanted, dict):
            inner = cast("dict[str, Any]", wanted)
            if trouble := _misfit(each, inner, root, f"{path}[{n}]"):
                return trouble
    return ""


def _misfit_of_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> str:
    for name in schema.get("required", ()):
        if name not in value:
            return f"{name!r} is missing" + (f" at {path}" if path else "")
    known: Mapping[str, Any] = schema.get("properties", {})
    # Of what has fields an unknown key is a slip: the class would drop it, and what it says, for good.
    is_closed = "properties" in schema and _OPEN not in root
    others = schema.get("additionalProperties", False if is_closed else None)
    for name, each in value.items():
        wanted = known.get(name, others)
        if wanted is False:
            return f"{name!r} is not known" + (f" at {path}" if path else "") + _meant(name, known)
        if isinstance(wanted, dict):
            inner = cast("dict[str, Any]", wanted)
            if trouble := _misfit(each, inner, root, f"{path}.{name}".lstrip(".")):
                return trouble
    return ""


def _meant(name: str, known: Mapping[str, Any]) -> str:
    """The field that was meant, where one is called nearly so; else all there are."""
    if near := difflib.get_close_matches(name, known, 1):
        return f"; did you mean {near[0]!r}?"
    return f"; it has {', '.join(map(repr, known))}" if known else "; it has no fields"
