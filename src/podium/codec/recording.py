"""From an exception to a `Failure`: whatever its state, within bounds, and never raising on its account."""

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
from msgspec import structs

from ..redaction import masked_json
from .failures import (
    NO_CLASS,
    Failure,
    attributes_of,
    call_note,
    class_of,
    fields_in_c,
    is_validation_error,
    rebuild_alone,
    recorded_call,
    recorded_traceback,
    write_record,
)
from .names import Names, name_of, stored_name
from .omitted import omit
from .refusals import Refusal
from .untag import Untag
from .walk import CarefulWalk, Tree, Walk, Writer

MAX_TEXT = 16 * 1024  # characters of a traceback or a message
_MAX_REPR = 1024  # characters that stand for an argument that cannot be stored
_MAX_ARGS = 100
_MAX_ARGUMENTS = 64 * 1024  # bytes of arguments and attributes together
_SMALL = 4 * 1024  # bytes of an attribute that goes before the larger ones
_MAX_FAILURES = 200  # in one record, counting causes, contexts and members of groups
_MAX_FRAMES = 64

_get = object.__getattribute__

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_encode_json = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Failure).decode
_parse_json: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def encode_failure(exc: BaseException) -> bytes:
    """Any exception as bytes. Never raises on account of the exception."""
    try:
        return masked_json(write_record(_Recorder(canonical=False).record(exc)))
    except Exception as error:  # its class overrides even `args`, or the stack is used up
        message = f"the exception could not be recorded: {type(error).__name__}"
        return write_record(Failure(_clean(name_of(type(exc)), 500), message))


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
        members = self._members(exc)
        failure = self._alone(exc, members, _MAX_ARGUMENTS)
        cause, context = _get(exc, "__cause__"), _get(exc, "__context__")
        notes = list(failure.notes)
        if isinstance(exc, BaseExceptionGroup) and members is not None and len(members) < len(exc.exceptions):
            notes.append(f"{len(exc.exceptions) - len(members):,} more members were not recorded")
        text = "" if self._canonical else _traceback(exc, failure.message)
        failure = structs.replace(
            failure,
            traceback=_clean(text, MAX_TEXT if len(self._above) == 1 else MAX_TEXT // 4),
            notes=notes,
            cause=self._follow(cause),
            # A cause is as a rule the context too; it is not told twice.
            context=None if context is cause else self._follow(context),
            suppress_context=exc.__suppress_context__,
            call="" if self._canonical else recorded_call(exc),
        )
        self._above.pop()
        return failure

    def nested(self, exc: BaseException, room: int) -> Failure | None:
        """An exception among the arguments or attributes of another, without what it drags along."""
        if self._canonical or not self._may_follow(exc):
            return None
        self._left -= 1
        self._above.append(exc)
        failure = self._alone(exc, self._members(exc), min(room, _MAX_ARGUMENTS // 4))
        self._above.pop()
        return failure

    def _alone(self, exc: BaseException, members: list[Failure] | None, room: int) -> Failure:
        cls = class_of(exc)
        message = _clean(_say(exc, str if members is None else _group_message), MAX_TEXT)
        if self._canonical:
            said = _ADDRESS.sub("", _clean(_say(exc, str), MAX_TEXT))
            args, state = ([said], {}) if members is not None else self._contents(exc, room)
            message = message if members is not None else said
            return Failure(
                _clean(name_of(cls), 500), message, args, state, notes=_notes(exc), members=members
            )
        args, state = self._contents(exc, room)
        name = stored_name(cls)
        failure = Failure(
            type=_clean(name or name_of(cls), 500),
            message=message,
            args=[message] if members is not None else args,
            state=state,
            notes=_notes(exc),
            members=members,
            like="" if name else _findable_base(cls),
        )
        if members is None and not _would_say(failure, cls):
            failure = structs.replace(failure, fixed_text=True)
        return failure

    def _follow(self, exc: BaseException | None) -> Failure | None:
        return self.record(exc) if exc is not None and self._may_follow(exc) else None

    def _may_follow(self, exc: BaseException) -> bool:
        return self._left > 0 and len(self._above) <= 20 and not any(exc is other for other in self._above)

    def _members(self, exc: BaseException) -> list[Failure] | None:
        if not isinstance(exc, BaseExceptionGroup):
            return None
        group = cast("BaseExceptionGroup[BaseException]", exc)
        found = [self._follow(member) for member in group.exceptions]
        return [failure for failure in found if failure is not None]

    def _contents(self, exc: BaseException, room: int) -> tuple[list[Tree], dict[str, Tree]]:
        """Arguments and attributes, each as itself or as a stand-in; as far as there is room."""
        walk = _ContentsWalk(self, self._canonical, room)
        if self._canonical:
            args = [_plainly(arg, walk) for arg in _arguments(exc)[:_MAX_ARGS]]
            state = {key: _tree(value, walk) for key, value in _named(_own(exc))}
            return args, {key: tree for key, tree in state.items() if tree is not _NONE}
        if is_validation_error(type(exc)):
            args = _validation_args(exc, walk)
        else:
            args = [walk.either(arg) for arg in _arguments(exc)[:_MAX_ARGS]]
            args = [tree for tree in args if tree is not _NONE]
        own = dict(_named(_in_c(exc) | _own(exc)))
        state = {key: _tree(value, walk, _SMALL) for key, value in own.items()}
        for key, tree in state.items():
            if tree is _NONE:  # the larger, and what has to have a stand-in, after all that is small
                state[key] = walk.either(_briefly(own[key]) if key == "obj" else own[key])
        return args, {key: tree for key, tree in state.items() if tree is not _NONE}


class _ContentsWalk(CarefulWalk):
    """Writes what an exception holds, in the room there is."""

    __slots__ = ("_recorder",)

    def __init__(self, recorder: _Recorder, canonical: bool, room: int) -> None:
        super().__init__(canonical, room)
        self._recorder = recorder

    def nested(self, exc: BaseException) -> Failure | None:
        """The exception `exc` inside this one, if it can be followed."""
        return self._recorder.nested(exc, self.room)

    def either(self, value: Any, level: int = 0) -> Tree:
        """The tree of a value, else of what stands for it; _NONE where there is no room for either."""
        tree = _tree(value, self)
        if tree is not _NONE or self.room <= _SMALL // 8:
            return tree
        if isinstance(value, str) and not isinstance(value, _Brief):
            tree = _clean(str.__str__(value), min(MAX_TEXT, self.room - _SMALL // 8))
        else:
            tree = omit(value, self.either, _bounded, level)
            tree["attributes"] = {
                name: inner for name, inner in tree.get("attributes", {}).items() if inner is not _NONE
            }
        self.room -= len(_encode_json(tree))
        return tree


_NONE: Any = object()


def _tree(value: Any, walk: Walk, room: int = _MAX_ARGUMENTS) -> Tree:
    """The tree of a value that takes no more than this, or _NONE."""
    before = walk.room
    walk.room = least = min(before, room)
    try:
        tree = walk.tree(value, 0)
    except Exception:  # a refusal, or whatever the user's class does when it is read
        walk.room = before
        return _NONE
    walk.room = before - (least - walk.room)
    return tree


def _plainly(arg: Any, walk: Walk) -> Tree:
    tree = _tree(arg, walk)
    return _clean(_ADDRESS.sub("", _say(arg, repr)), _MAX_REPR) if tree is _NONE else tree


def _bounded(value: Any, how: Callable[[Any], str]) -> str:
    return _clean(_say(value, how), _MAX_REPR)


def _named(attributes: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (key, value)
        for key, value in attributes.items()
        if type(key) is str and key.isidentifier() and not key.startswith("__")
    ]


def _in_c(exc: BaseException) -> dict[str, Any]:
    """What stands in slots and in fields of C types, but for what the arguments bring back."""
    fields = fields_in_c(type(exc))
    if not fields:
        return {}
    base: Any = next(base for base in type(exc).__mro__ if base.__module__ == "builtins")
    try:
        twin = base(*_arguments(exc))
    except Exception:  # arguments that are not its own
        twin = None
    found: dict[str, Any] = {}
    for name, field in fields.items():
        try:
            value = field.__get__(exc)
        except Exception:  # a slot that nothing is in
            continue
        missing: Any = object()
        same = getattr(twin, name, missing)
        if value is not same and not (type(value) is type(same) is int and value == same):
            found[name] = value
    return found


def _briefly(value: Any) -> Any:
    """The `obj` of an AttributeError may be anything, of any size, and hardly anybody asks for it."""
    return value if isinstance(value, (str, type(None))) else _Brief(f"{type(value).__qualname__} object")


class _Brief(str):
    """Not stored as text: it is told what stood there."""

    __slots__ = ()


def _validation_args(exc: Any, walk: _ContentsWalk) -> list[Tree]:
    """What `failures` makes a ValidationError of Pydantic from: its title, and what was wrong where."""
    errors: list[dict[str, Tree]] = []
    for error in exc.errors(include_url=False)[:_MAX_ARGS]:
        context = {key: walk.either(value) for key, value in error.get("ctx", {}).items()}
        tree = {key: walk.either(error[key]) for key in ("type", "loc", "msg", "input")}
        if all(part is not _NONE for part in (*tree.values(), *context.values())):
            errors.append(tree | ({"ctx": context} if context else {}))
    return [walk.either(exc.title), errors]


def _findable_base(cls: type) -> str:
    """The nearest base that is found by its name, so that `except` goes by it; Exception says too little."""
    for base in cls.__mro__[1:]:
        if base is Exception:
            break
        if issubclass(base, Exception) and (name := stored_name(base)):
            return name
    return NO_CLASS


def _would_say(failure: Failure, cls: type) -> bool:
    """Whether what is recorded, rebuilt, says what the exception says now."""
    maker = next(base for base in cls.__mro__ if "__str__" in vars(base))
    if (maker.__module__ == "builtins" and not failure.like) or is_validation_error(cls):
        return True  # it says its arguments
    try:
        twin = rebuild_alone(_decode(_encode_json(failure)), Untag(Names()))
        return twin is None or _ADDRESS.sub("", str(twin)) == _ADDRESS.sub("", failure.message)
    except Exception:  # its text needs what could not be recorded
        return False


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
    ours = call_note(recorded_call(exc))
    notes = [note for note in notes if note != ours]
    return [_clean(note, MAX_TEXT // 16) for note in notes[:20] if isinstance(note, str)]


def _own(exc: BaseException) -> dict[str, Any]:
    """Its own attributes, a copy, because others may write to it."""
    return dict(attributes_of(exc))


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


# -- exceptions as ordinary values -------------------------------------------------------------------


def class_writer(cls: type) -> Writer | None:
    """Exceptions may be results and arguments too, as `gather(return_exceptions=True)` makes them."""
    return _write_failure if issubclass(cls, BaseException) else None


def _write_failure(exc: BaseException, walk: Walk, depth: int) -> Tree:
    if isinstance(walk, _ContentsWalk):
        failure = walk.nested(exc)
        if failure is None:
            raise Refusal(Refusal.WHAT, "is an exception inside an exception", "")
    else:
        failure = _Recorder(walk.canonical).record(exc)
    data = _encode_json(failure)
    walk.spend(len(data))
    walk.ambiguous = True
    return {"!failure": _parse_json(data)}
