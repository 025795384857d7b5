"""Exceptions as data, and back.

A failure is recorded whatever state the exception is in: a broken `__str__`, arguments that cannot be
stored, a chain that bites its tail (`recording`). It is rebuilt only as a type already imported, made and
initialised by its base in C alone, with recorded arguments and attributes; else as `TaskFailed`. So nothing
of the user's runs, and `except HTTPError as error: error.code` still works after a crash. What could not be
recorded is a stand-in (`omitted`), and a text that needs such is kept as it was.

The original traceback's text is on the rebuilt exception as `__podium_traceback__`: an attribute, not a
note, because notes are the user's and are recorded again when the exception goes on through a workflow.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import lru_cache
from types import BuiltinMethodType, GetSetDescriptorType, MemberDescriptorType, WrapperDescriptorType
from typing import Any, cast

import msgspec

from ..errors import DecodeError, TaskFailed
from ..redaction import redacted
from .names import Names
from .untag import Reader, Unreadable, Untag
from .walk import Tree

_NAMED = 3  # errors of a group that stand in a line

# Past whatever a class makes of its attributes: a frozen dataclass lets nobody set one.
attributes_of: Callable[[BaseException], dict[str, Any]] = BaseException.__dict__["__dict__"].__get__
_set = object.__setattr__

_TEXT = "__podium_text__"
_NEVER_THROWN = (StopIteration, StopAsyncIteration)  # a coroutine turns them into something else

NO_CLASS = "-"


def class_name(type: str) -> str:
    """What a recorded exception is called, without its module."""
    return type.rpartition(":")[2]


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A recorded exception. `type` is "module:qualname"; `args` and `state` are trees, not yet values."""

    type: str
    message: str = ""
    args: list[Tree] = []
    state: dict[str, Tree] = {}
    traceback: str = ""
    notes: list[str] = []
    cause: Failure | None = None
    context: Failure | None = None
    suppress_context: bool = False
    members: list[Failure] | None = None  # of an exception group
    # Where `type` does not lead back to its class: the nearest base that is found, or NO_CLASS.
    like: str = ""
    fixed_text: bool = False  # its class would not say `message` of what is recorded
    call: str = ""  # what the step was called with that failed so, see `codec.call`

    def leaves(self) -> list[Failure]:
        """The errors to tell: of a group what is in it, however deep, else the failure itself."""
        return [leaf for member in self.members for leaf in member.leaves()] if self.members else [self]

    def in_a_line(self, name: Callable[[str], str] = class_name) -> str:
        """ "ValueError: boom"; of a group of several the first of them, too. `name`: of a `type`."""
        leaves = self.leaves()
        told = self if len(leaves) > 1 else leaves[0]
        message = told.message.strip().partition("\n")[0]
        text = f"{name(told.type)}: {message}" if message else name(told.type)
        if len(leaves) == 1:
            return text
        first = [leaf.in_a_line(name) for leaf in leaves[:_NAMED]] + ["…"] * (len(leaves) > _NAMED)
        return f"{text} ({len(leaves)} errors: {', '.join(first)})"


class _Record(msgspec.Struct, frozen=True, rename={"failure": "!failure"}):
    failure: Failure


_encode_record = msgspec.json.Encoder().encode
_decode_record = msgspec.json.Decoder(_Record).decode


def write_record(failure: Failure) -> bytes:
    """A failure as the bytes that the store keeps."""
    return _encode_record(_Record(failure))


def with_call(data: bytes, call: str) -> bytes:
    """A recorded failure that says what the step was called with which failed so."""
    try:
        failure = _decode_record(data).failure
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return data
    return write_record(msgspec.structs.replace(failure, call=failure.call or call))


def describe_failure(data: bytes) -> Failure:
    """What was recorded, for people and surfaces: passwords and tokens of URLs are `***`; needs no classes.

    Raises DecodeError.
    """
    failure = _read(data)
    try:
        return _redacted(failure)
    except RecursionError:
        raise DecodeError("the stored failure is nested too deeply") from None


def _read(data: bytes) -> Failure:
    try:
        return _decode_record(data).failure
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"the stored bytes are no failure ({error})") from None


def _redacted(failure: Failure) -> Failure:
    return msgspec.structs.replace(
        failure,
        message=redacted(failure.message),
        traceback=redacted(failure.traceback),
        notes=[redacted(note) for note in failure.notes],
        cause=failure.cause and _redacted(failure.cause),
        context=failure.context and _redacted(failure.context),
        members=failure.members and [_redacted(member) for member in failure.members],
    )


def decode_failure(data: bytes) -> BaseException:
    """The recorded exception, or a TaskFailed that stands for it. Raises DecodeError."""
    try:
        return _rebuild(_read(data), Untag(Names()))
    except RecursionError:
        raise DecodeError("the stored failure is nested too deeply") from None


def recorded_traceback(exc: BaseException) -> str:
    """The text of one that came out of a record; "" of any other."""
    found = attributes_of(exc).get("__podium_traceback__")
    return found if isinstance(found, str) else ""


def recorded_call(exc: BaseException) -> str:
    """What the step was called with whose failure this is; "" where it is none."""
    found = attributes_of(exc).get("__podium_call__")
    return found if isinstance(found, str) else ""


def call_note(call: str) -> str:
    """How an exception says it."""
    return f"in {call}"


# -- rebuilding --------------------------------------------------------------------------------------


def _rebuild(failure: Failure, untag: Untag) -> BaseException:
    exc = rebuild_alone(failure, untag)
    if exc is None:
        exc = TaskFailed(failure.type, failure.message, failure.traceback)
    own = attributes_of(exc)
    notes = [*failure.notes, call_note(failure.call)] if failure.call else list(failure.notes)
    if notes:
        own["__notes__"] = notes
    if failure.call:
        own["__podium_call__"] = failure.call
    own["__podium_traceback__"] = failure.traceback
    cause = _rebuild(failure.cause, untag) if failure.cause else None
    _set(exc, "__cause__", cause)
    _set(exc, "__context__", _rebuild(failure.context, untag) if failure.context else cause)
    _set(exc, "__suppress_context__", failure.suppress_context)
    return exc


def rebuild_alone(failure: Failure, untag: Untag) -> Exception | None:
    """The exception without what it drags along, or None where it cannot be had as itself."""
    cls = cast("Any", untag.names.find(failure.like or failure.type))
    if cls is None or not issubclass(cls, Exception) or issubclass(cls, _NEVER_THROWN):
        return None
    try:
        if failure.fixed_text:
            cls = _with_fixed_text(cls)
        if failure.members is not None:
            members = [_rebuild(member, untag) for member in failure.members]
            exc = cast("Any", BaseExceptionGroup).__new__(cls, failure.message, members)
        elif is_validation_error(cls):
            exc = _validation_error(cls, *untag.items(list(failure.args)))
        else:
            exc = _made(cls, untag.items(list(failure.args)))
        for name, value in untag.members(dict(failure.state)).items():
            _restore(exc, name, value)
    except (Unreadable, TypeError, ValueError, AttributeError, KeyError):
        return None
    if failure.fixed_text:
        attributes_of(exc)[_TEXT] = failure.message
    return exc if type(exc) is cls else None


def _made(cls: Any, args: list[Any]) -> Any:
    # Rejected: the class's own __new__ and __init__, which are user code and want other arguments. Those of
    # the nearest base in C make it: Python's, as a rule.
    exc = _nearest(cls, "__new__", BuiltinMethodType)(cls, *args)
    _nearest(cls, "__init__", WrapperDescriptorType)(exc, *args)
    return exc


def _nearest(cls: type, name: str, kind: type) -> Any:
    found = (vars(base).get(name) for base in cls.__mro__)
    return next(thing for thing in found if isinstance(thing, kind))


def fields_in_c(cls: type) -> dict[str, Any]:
    """Where exceptions of a class keep what is not in their dict: slots, and the fields of types in C."""
    return {
        name: thing
        for base in reversed(cls.__mro__)
        if base not in (object, BaseException)
        for name, thing in vars(base).items()
        if isinstance(thing, (MemberDescriptorType, GetSetDescriptorType)) and not name.startswith("__")
    }


def _restore(exc: BaseException, name: str, value: Any) -> None:
    field = fields_in_c(type(exc)).get(name)
    if field is None:
        attributes_of(exc)[name] = value
        return
    with contextlib.suppress(AttributeError, TypeError, ValueError):  # one that C code alone sets
        if value is None and field.__objclass__.__module__ == "builtins":
            field.__delete__(exc)  # None is how Python's own show what was never set
        else:
            field.__set__(exc, value)


@lru_cache(maxsize=1024)
def _with_fixed_text(cls: Any) -> Any:
    """The class, but that its text is the recorded one: its own needs what could not be recorded."""
    if type(cls) is not type or "__init_subclass__" in {
        name for base in cls.__mro__[:-1] for name in vars(base)
    }:
        return cls  # making a class of it would run the user's code
    space = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__slots__": (),
        "__str__": _text,
    }
    return type(cls.__name__, (cls,), space)


def _text(exc: BaseException) -> str:
    return attributes_of(exc)[_TEXT]


def class_of(exc: BaseException) -> type[BaseException]:
    """Its class, which one with a fixed text has for its base."""
    cls = type(exc)
    return cast("type[BaseException]", cls.__base__) if vars(cls).get("__str__") is _text else cls


# -- pydantic's, which nobody can make by its arguments -----------------------------------------------


def is_validation_error(cls: type) -> bool:
    """Whether it is Pydantic's ValidationError, made in C and final. Pydantic is the user's to import."""
    return cls is getattr(sys.modules.get("pydantic_core"), "ValidationError", None)


def _validation_error(cls: Any, title: str, errors: list[dict[str, Any]]) -> Any:
    core = cast("Any", sys.modules["pydantic_core"])
    details = []
    for error in errors:
        context = error.get("ctx")
        kind: Any = error["type"]
        try:
            core.PydanticKnownError(kind, context)
        except KeyError:
            kind = core.PydanticCustomError(kind, error["msg"].replace("{", "{{"), context)
        known = {"type": kind, "loc": tuple(error["loc"]), "input": error["input"]}
        details.append(known if context is None else known | {"ctx": context})
    return cls.from_exception_data(title, details)


def _read_failure(payload: Any, rest: dict[str, Any], untag: Untag) -> BaseException:
    return _rebuild(msgspec.convert(payload, Failure), untag)


READERS: dict[str, Reader] = {"!failure": _read_failure}
