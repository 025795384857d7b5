"""Flags from a signature: each parameter is one, typed by its annotation, explained by the docstring.

Simple types are written plainly (`--days 7`, `--when 2026-11-22`, `--fast/--no-fast`, `--tag a --tag b`);
what has parts of its own (dicts, dataclasses, models) as JSON.
"""

# Annotations and the values they make are of any type, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

import collections.abc
import contextlib
import datetime as dt
import difflib
import enum
import inspect
import json
import pathlib
import re
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

from .. import codec
from ..errors import ArgumentError, PodiumError
from ..functions import Function

_MANY = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable)
_JSON = (dict, collections.abc.Mapping)
# What is written as text also inside JSON, and, for an error, in which form.
_ISO: dict[Any, str] = {
    dt.datetime: "2026-11-22T10:00",
    dt.date: "2026-11-22",
    dt.time: "10:00",
}
_FORMS = _ISO | {dt.timedelta: "PT1H30M", bytes: "base64"}
_SHOWN_MAX = 200  # characters of a value that is none
_METAVAR_MAX = 40  # characters of a type beside its flag


class Refused(Exception):
    """A text is no value of a type."""


class Flags:
    """What the command line of one function looks like."""

    def __init__(self, function: Function) -> None:
        self._function = function
        hints = function.hints
        self._parameters = {
            name: (parameter, _annotation(parameter, hints.get(name, Any)))
            for name, parameter in function.signature.parameters.items()
        }
        self._command = click.Command(
            function.label,
            params=[_option(function, p, annotation) for p, annotation in self._parameters.values()],
            help="\n\n".join(
                f"\b\n{part}" for part in _doc(function).split("\n\n")
            ),  # \b: lines stay as they are
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )

    def parse(self, texts: Sequence[str], path: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments of the call. Raises ArgumentError; Exit after --help."""
        try:
            context = self._command.make_context(path, list(texts))
        except click.NoSuchOption as error:
            near = difflib.get_close_matches(error.option_name, self._names(), 1)
            raise self._wrong(
                f"no flag {error.option_name}" + (f", nearest: {near[0]}" if near else "")
            ) from None
        except click.UsageError as error:
            raise self._wrong(error.format_message()) from None
        given = {
            name: context.params[_dest(name)]
            for name in self._parameters
            if context.get_parameter_source(_dest(name)) is click.core.ParameterSource.COMMANDLINE
        }
        return self._arguments({name: self._value(name, texts) for name, texts in given.items()})

    def _names(self) -> list[str]:
        return [name for option in self._command.params for name in (*option.opts, *option.secondary_opts)]

    def _value(self, name: str, text: Any) -> Any:
        _, annotation = self._parameters[name]
        try:
            return text if isinstance(text, bool) else from_text(text, annotation)
        except Refused:
            shown = json.dumps(text[0] if isinstance(text, tuple) and len(text) == 1 else text)
            shown = shown if len(shown) <= _SHOWN_MAX else f"{shown[:_SHOWN_MAX]}…"
            what = f"{name}=...) wants {spell(annotation)}{_form(annotation)}, got {shown} ({_flag(name)})"
            raise self._wrong(what, "(") from None

    def _arguments(self, values: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        missing = [
            _flag(name)
            for name, (p, _) in self._parameters.items()
            if name not in values and p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        if missing:
            raise self._wrong(f"missing {', '.join(missing)}")
        return self._function.unbind(values)

    def _wrong(self, what: str, join: str = ": ") -> ArgumentError:
        label = self._function.label
        return ArgumentError(f"{label}{join}{what}", fix=f"{label}{_spoken(self._function)}")


def _dest(name: str) -> str:
    return f"p_{name}"  # a parameter may be called anything, Click's own names included


def _flag(name: str) -> str:
    return f"--{name.strip('_').replace('_', '-')}"


def _annotation(parameter: inspect.Parameter, hint: Any) -> Any:
    if hint is Any and parameter.default not in (parameter.empty, None):
        hint = type(parameter.default)
    if parameter.kind is parameter.VAR_POSITIONAL:
        return tuple[hint, ...]
    if parameter.kind is parameter.VAR_KEYWORD:
        return dict[str, hint]
    return hint


def _option(function: Function, parameter: inspect.Parameter, annotation: Any) -> click.Option:
    flag = _flag(parameter.name)
    is_bool = bool in _members(annotation)
    default = (
        "" if parameter.default is parameter.empty else f"[default: {_shown_default(parameter.default)}]"
    )
    required = (
        "" if default or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) else "[required]"
    )
    return click.Option(
        [f"{flag}/--no-{flag[2:]}" if is_bool else flag, _dest(parameter.name)],
        help=" ".join(part for part in (_described(function, parameter.name), default or required) if part),
        multiple=_is_many(annotation),
        default=None,
        metavar=None if is_bool else _metavar(annotation),
    )


def _metavar(annotation: Any) -> str:
    spelled = spell(annotation)
    if len(spelled) <= _METAVAR_MAX:
        return spelled
    return "JSON" if _is_json(annotation) else "VALUE"


def _shown_default(value: Any) -> str:
    plain = value.value if isinstance(value, enum.Enum) else value
    text = str(plain) if isinstance(value, (enum.Enum, pathlib.PurePath)) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _doc(function: Function) -> str:
    return inspect.cleandoc(function.fn.__doc__ or "")


def _described(function: Function, name: str) -> str:
    """What the docstring says about a parameter, in the usual styles ("name: text", ":param name:")."""
    doc = _doc(function)
    kind = r"(?:\s*\([^)]*\))?"
    found = re.search(
        rf"^\s*(?::param\s+(?:\w+\s+)?)?\*{{0,2}}{re.escape(name)}{kind}(?:\s*:\s+|\s{{2,}}|\s+--?\s+)(\S.*)$",
        doc,
        re.M,
    )
    return found[1].strip() if found else ""


# -- values ------------------------------------------------------------------------------------------


def from_text(text: Any, annotation: Any) -> Any:
    """What a flag's text (or texts, of a repeated one) stands for under an annotation. Raises Refused."""
    if isinstance(text, (tuple, list)):
        return _many_from(list(text), annotation)
    for member in _by_precision(_members(annotation)):
        try:
            return _one_from(text, member)
        except (Refused, PodiumError, msgspec.MsgspecError, ValueError, RecursionError):
            continue
    raise Refused


def _one_from(text: str, annotation: Any) -> Any:
    if annotation is Any or annotation is object:
        try:
            return json.loads(text)
        except ValueError:
            return text
    if annotation is str:
        return text
    if annotation is type(None):
        if text in ("null", "none", "None"):
            return None
        raise Refused
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return codec.convert(from_text(text, typing.get_args(annotation)[0]), annotation)
    if origin is typing.Literal:
        return _choice(text, {str(choice): choice for choice in typing.get_args(annotation)})
    if _is_json(annotation) or _is_many(annotation):
        return _of_json(json.loads(text), annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _choice(text, {str(m.value): m for m in annotation} | {m.name: m for m in annotation})
    if isinstance(annotation, type) and issubclass(annotation, pathlib.PurePath):
        return annotation(text)
    if annotation in _ISO:
        with contextlib.suppress(ValueError):  # msgspec takes the full form alone, and seconds since 1970
            return annotation.fromisoformat(text)
    # strict=False: text becomes the number, date, UUID or Decimal that it spells.
    return msgspec.convert(text, annotation, strict=False)


def _of_json(value: Any, annotation: Any) -> Any:
    """What a JSON value stands for: numbers are numbers there, but times and paths are still text."""
    members = _members(annotation)
    if len(members) > 1:
        for member in _by_precision(members):
            with contextlib.suppress(Refused, PodiumError, msgspec.MsgspecError, ValueError):
                return _of_json(value, member)
        raise Refused
    origin, inner = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if isinstance(value, list) and inner and _is_many(annotation):
        return _collected(value, origin, inner, _of_json)
    if isinstance(value, dict) and len(inner) == 2 and origin in _JSON:
        return {from_text(key, inner[0]): _of_json(item, inner[1]) for key, item in value.items()}
    if isinstance(value, str) and annotation in _ISO:
        return _one_from(value, annotation)
    return codec.convert(value, annotation)


def _collected(
    values: Sequence[Any], origin: Any, inner: tuple[Any, ...], convert: Callable[[Any, Any], Any]
) -> Any:
    make = origin if origin in (tuple, set, frozenset) else list
    if origin is tuple and inner and inner[-1] is not ...:
        if len(inner) != len(values):
            raise Refused
        return tuple(convert(value, kind) for value, kind in zip(values, inner, strict=True))
    return make(convert(value, inner[0] if inner else Any) for value in values)


def _choice(text: str, choices: dict[str, Any]) -> Any:
    if text not in choices:
        raise Refused
    return choices[text]


def _many_from(texts: list[str], annotation: Any) -> Any:
    member = next(m for m in _members(annotation) if _is_many(m))
    if len(texts) == 1 and texts[0].startswith("["):
        try:
            return _of_json(json.loads(texts[0]), member)
        except (Refused, PodiumError, msgspec.MsgspecError, ValueError, RecursionError):
            pass  # a single text that happens to begin like a list
    origin, inner = typing.get_origin(member) or member, typing.get_args(member)
    return _collected(texts, origin, inner, from_text)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, else the annotation itself."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _by_precision(members: tuple[Any, ...]) -> list[Any]:
    """Text fits a string always, so that one comes last."""
    return sorted(members, key=lambda member: (member in (str, Any, object), member is type(None)))


def _is_many(annotation: Any) -> bool:
    return any((typing.get_origin(member) or member) in _MANY for member in _members(annotation))


def _is_json(annotation: Any) -> bool:
    return any(
        (typing.get_origin(member) or member) in _JSON
        or hasattr(member, "__dataclass_fields__")
        or hasattr(member, "__struct_fields__")
        or hasattr(member, "model_fields")
        or hasattr(member, "_fields")
        or typing.is_typeddict(member)
        for member in _members(annotation)
    )


# -- words -------------------------------------------------------------------------------------------


def spell(annotation: Any) -> str:
    """A type as people write it, with the choices it leaves."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "|".join(str(member.value) for member in annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return "|".join(str(choice) for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " | ".join(map(spell, typing.get_args(annotation)))
    return codec.type_name(annotation)


def _form(annotation: Any) -> str:
    """How a value is written that nobody would guess: "", or " as ..."."""
    for member in _members(annotation):
        if member in _FORMS:
            return f" as {_FORMS[member]}"
        if _is_json(member):
            return " as JSON"
        if _is_many(member) and (form := "".join(map(_form, typing.get_args(member)[:1]))):
            return form
    return ""


def _spoken(function: Function) -> str:
    """The signature without the modules that annotations come from."""
    try:
        signature = inspect.signature(function.fn, eval_str=True)
    except (NameError, TypeError, ValueError):  # names that exist only for the type checker; C functions
        signature = function.signature
    return codec.without_modules(str(signature))
