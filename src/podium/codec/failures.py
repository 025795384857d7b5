"""Exceptions as data, and back.

A failure is recorded whatever state the exception is in: a broken `__str__`, arguments that cannot be
stored, a chain that bites its tail. It is rebuilt only as a type already imported, made and initialised by
its builtin base alone, with recorded arguments and attributes; else as `TaskFailed`. So nothing of the
user's runs, and `except HTTPError as error: error.code` still works after a crash.

The original traceback's text is on the rebuilt exception as `__podium_traceback__`: an attribute, not a
note, because notes are the user's and are recorded again when the exception goes on through a workflow.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

import msgspec

from ..errors import DecodeError, TaskFailed
from .names import Names, name_of
from .refusals import Refusal
from .untag import Reader, Unreadable, Untag
from .walk import CarefulWalk, Tree, Walk, Writer

MAX_TEXT = 16 * 1024  # characters of a traceback or a message
_MAX_REPR = 1024  # characters that stand for an argument that cannot be stored
_MAX_ARGS = 100
_MAX_ARGUMENTS = 64 * 1024  # bytes of arguments and attributes together
_MAX_FAILURES = 200  # in one record, counting causes, contexts and members of groups
_MAX_FRAMES = 64
_NAMED = 3  # errors of a group that stand in a line

# Past whatever a class makes of its attributes: a frozen dataclass lets nobody set one.
_attributes: Callable[[BaseException], dict[str, Any]] = BaseException.__dict__["__dict__"].__get__
_get, _set = object.__getattribute__, object.__setattr__

_NEVER_THROWN = (StopIteration, StopAsyncIteration)  # a coroutine turns them into something else

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_parse_json = msgspec.json.Decoder(dict[str, Any]).decode


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

    def leaves(self) -> list[Failure]:
        """The errors to tell: of a group what is in it, however deep, else the failure itself."""
        return [leaf for member in self.members for leaf in member.leaves()] if self.members else [self]

    def in_a_line(self, name: Callable[[str], str]) -> str:
        """ "ValueError: boom"; of a group of several the first of them, too. `name`: of a type."""
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


def encode_failure(exc: BaseException) -> bytes:
    """Any exception as bytes. Never raises on account of the exception."""
    try:
        return _encode_record(_Record(_Recorder(canonical=False).record(exc)))
    except Exception as error:  # its class overrides even `args`, or the stack is used up
        message = f"the exception could not be recorded: {type(error).__name__}"
        return _encode_record(_Record(Failure(_clean(name_of(type(exc)), 500), message)))


def describe_failure(data: bytes) -> Failure:
    """What was recorded, for people and surfaces; needs no classes. Raises DecodeError."""
    try:
        return _decode_record(data).failure
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"the stored bytes are no failure ({error})") from None


def decode_failure(data: bytes) -> BaseException:
    """The recorded exception, or a TaskFailed that stands for it. Raises DecodeError."""
    try:
        return _rebuild(describe_failure(data), Untag(Names()))
    except RecursionError:
        raise DecodeError("the stored failure is nested too deeply") from None


# -- recording ---------------------------------------------------------------------------------------


class _Recorder:
    """Records one exception with those it drags along, within bounds."""

    def __init__(self, canonical: bool) -> None:
        self._canonical = canonical  # for a digest: without what differs between two runs of the same code
        self._left = _MAX_FAILURES
        self._above: list[BaseException] = []

    def record(self, exc: BaseException) -> Failure:
        """`exc` and its causes, contexts and members."""
        self._left -= 1
        self._above.append(exc)
        message = _clean(_say(exc, str), MAX_TEXT)
        if self._canonical:
            message = _ADDRESS.sub("", message)
        members = self._members(exc)
        args, state = ([message], {}) if members is not None else self._contents(exc)
        cause, context, notes = _get(exc, "__cause__"), _get(exc, "__context__"), _notes(exc)
        if isinstance(exc, BaseExceptionGroup) and members is not None and len(members) < len(exc.exceptions):
            notes.append(f"{len(exc.exceptions) - len(members):,} more members were not recorded")
        failure = Failure(
            type=_clean(name_of(type(exc)), 500),
            message=_clean(_say(exc, _group_message), MAX_TEXT) if members is not None else message,
            args=args,
            state=state,
            traceback=""
            if self._canonical
            else _clean(_traceback(exc, message), MAX_TEXT if len(self._above) == 1 else MAX_TEXT // 4),
            notes=notes,
            cause=self._follow(cause),
            # A cause is as a rule the context too; it is not told twice.
            context=None if context is cause else self._follow(context),
            suppress_context=exc.__suppress_context__,
            members=members,
        )
        self._above.pop()
        return failure

    def _follow(self, exc: BaseException | None) -> Failure | None:
        if (
            exc is None
            or self._left <= 0
            or len(self._above) > 20
            or any(exc is other for other in self._above)
        ):
            return None
        return self.record(exc)

    def _members(self, exc: BaseException) -> list[Failure] | None:
        if not isinstance(exc, BaseExceptionGroup):
            return None
        group = cast("BaseExceptionGroup[BaseException]", exc)
        found = [self._follow(member) for member in group.exceptions]
        return [failure for failure in found if failure is not None]

    def _contents(self, exc: BaseException) -> tuple[list[Tree], dict[str, Tree]]:
        """Arguments, each as itself or as its repr; attributes, where they can be stored."""
        walk = _ArgumentWalk(self._canonical, _MAX_ARGUMENTS)
        args: list[Tree] = []
        for arg in _arguments(exc)[:_MAX_ARGS]:
            tree = _tree(arg, walk)
            args.append(_clean(_ADDRESS.sub("", _say(arg, repr)), _MAX_REPR) if tree is _NONE else tree)
        state: dict[str, Tree] = {}
        for key, value in _own(exc).items():
            if type(key) is str and key.isidentifier() and not key.startswith("__"):
                tree = _tree(value, walk)
                if tree is not _NONE:
                    state[key] = tree
        return args, state


class _ArgumentWalk(CarefulWalk):
    __slots__ = ()

    in_failure = True


_NONE = object()


def _tree(value: Any, walk: Walk) -> Tree:
    before = walk.room
    try:
        return walk.tree(value, 0)
    except Exception:  # a refusal, or whatever the user's class does when it is read
        walk.room = before
        return _NONE


def _arguments(exc: BaseException) -> tuple[Any, ...]:
    args = exc.args
    if isinstance(exc, OSError) and exc.filename is not None and len(args) == 2:
        # OSError drops the names from `args`, and takes them back in the third and fifth place.
        return (*args, exc.filename) if exc.filename2 is None else (*args, exc.filename, None, exc.filename2)
    return args


def _say(thing: Any, how: Callable[[Any], str]) -> str:
    try:
        return str.__str__(how(thing))
    except Exception as error:  # a broken __str__ or __repr__ must not cost the record
        return f"<{type(thing).__qualname__}: its text failed with {type(error).__qualname__}>"


def _group_message(exc: Any) -> str:
    return exc.message


def _notes(exc: BaseException) -> list[str]:
    notes = _own(exc).get("__notes__", ())
    if not isinstance(notes, (list, tuple)):
        return []
    return [_clean(note, MAX_TEXT // 16) for note in notes[:20] if isinstance(note, str)]


def _own(exc: BaseException) -> dict[str, Any]:
    """Its own attributes, a copy, because others may write to it."""
    return dict(_attributes(exc))


def recorded_traceback(exc: BaseException) -> str:
    """The text of one that came out of a record; "" of any other."""
    found = _attributes(exc).get("__podium_traceback__")
    return found if isinstance(found, str) else ""


def _clean(text: str, limit: int) -> str:
    """Text that JSON and PostgreSQL can carry, its middle cut out where it is too long."""
    if len(text) > limit:
        left_out = f"\n... {len(text) - limit:,} characters left out ...\n"
        text = text[: limit // 4] + left_out + text[-limit * 3 // 4 :]
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _traceback(exc: BaseException, message: str) -> str:
    """The frames as Python prints them, the user's own last, and the exception's line."""
    earlier = recorded_traceback(exc)
    frames = _frames(_get(exc, "__traceback__"))
    text = f"Traceback (most recent call last):\n{frames}" if frames else ""
    text += f"{type(exc).__qualname__}: {message[:1000]}" if message else type(exc).__qualname__
    if earlier:
        # A failure of a task on its way through a workflow: where it began says more than where it passed.
        text = f"{earlier}\n\nIt went on through:\n{frames}" if frames else earlier
    return text


def _frames(found: TracebackType | None) -> str:
    while found is not None and _is_machinery(found.tb_frame.f_globals):
        found = found.tb_next
    try:
        return "".join(traceback.extract_tb(found, limit=-_MAX_FRAMES).format())
    except Exception:  # source lines come from the user's loaders and files
        return ""


def _is_machinery(module: dict[str, Any]) -> bool:
    """Podium, which in a task's own process is `__main__`, and the asyncio that it runs a body with."""
    name = getattr(module.get("__spec__"), "name", None) or module.get("__name__")
    return isinstance(name, str) and name.startswith(("podium.", "asyncio."))


# -- rebuilding --------------------------------------------------------------------------------------


def _rebuild(failure: Failure, untag: Untag) -> BaseException:
    exc = _as_itself(failure, untag)
    if exc is None:
        exc = TaskFailed(failure.type, failure.message, failure.traceback)
    own = _attributes(exc)
    if failure.notes:
        own["__notes__"] = list(failure.notes)
    own["__podium_traceback__"] = failure.traceback
    cause = _rebuild(failure.cause, untag) if failure.cause else None
    _set(exc, "__cause__", cause)
    _set(exc, "__context__", _rebuild(failure.context, untag) if failure.context else cause)
    _set(exc, "__suppress_context__", failure.suppress_context)
    return exc


def _as_itself(failure: Failure, untag: Untag) -> Exception | None:
    cls = cast("Any", untag.names.find(failure.type))
    if cls is None or not issubclass(cls, Exception) or issubclass(cls, _NEVER_THROWN):
        return None
    try:
        if failure.members is not None:
            members = [_rebuild(member, untag) for member in failure.members]
            exc = cast("Any", BaseExceptionGroup).__new__(cls, failure.message, members)
        else:
            # Rejected: the class's own __new__ and __init__, which are user code and want other arguments.
            base: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
            args = untag.items(list(failure.args))
            exc = base.__new__(cls, *args)
            base.__init__(exc, *args)
        _attributes(exc).update(untag.members(dict(failure.state)))
    except (Unreadable, TypeError, ValueError, AttributeError):
        return None
    return exc if type(exc) is cls else None


# -- exceptions as ordinary values -------------------------------------------------------------------


def class_writer(cls: type) -> Writer | None:
    """Exceptions may be results and arguments too, as `gather(return_exceptions=True)` makes them."""
    return _write_failure if issubclass(cls, BaseException) else None


def _write_failure(exc: BaseException, walk: Walk, depth: int) -> Tree:
    if walk.in_failure:
        raise Refusal(Refusal.WHAT, "is an exception inside an exception", "")
    data = msgspec.json.encode(_Recorder(walk.canonical).record(exc))
    walk.spend(len(data))
    walk.ambiguous = True
    return {"!failure": _parse_json(data)}


def _read_failure(payload: Any, rest: dict[str, Any], untag: Untag) -> BaseException:
    return _rebuild(msgspec.convert(payload, Failure), untag)


READERS: dict[str, Reader] = {"!failure": _read_failure}
