"""Exceptions as data: recorded whatever their state, rebuilt without running any of the user's code."""

from __future__ import annotations

import asyncio
import threading
import traceback

import pytest

from podium.codec import (
    Failure,
    decode,
    decode_failure,
    describe_failure,
    encode,
    encode_failure,
    preview,
    recorded_traceback,
)
from podium.errors import DecodeError, NotRecorded, TaskFailed, TaskTimeout
from podium.inspect import with_recorded_frames
from tests.unit.codec import zoo
from tests.unit.codec.zoo import Broken, CodeError, Color, FrozenError, GuardedError, Node, Picky, Point


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:
        return raised


def again(error: BaseException) -> BaseException:
    return decode_failure(encode_failure(error))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("boom"),
        ValueError(),
        KeyError("k"),
        KeyError(("a", 1)),
        ValueError(Point(1), Color.RED),
        FileNotFoundError(2, "No such file", "/x"),
        OSError(5, "io"),
        OSError("only text"),
        ZeroDivisionError("z"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SyntaxError("bad", ("f.py", 1, 2, "x ", 1, 3)),
        ImportError("no"),
        TaskTimeout("too long", fix="wait"),
        TaskFailed("m:E", "boom", "tb"),
        UnicodeError("\ud800\0"),
        RecursionError("deep"),
        TimeoutError(),
    ],
    ids=range(17),
)
def test_type_args_and_text_come_back(error):
    rebuilt = again(caught(error))
    assert type(rebuilt) is type(error)
    assert str(rebuilt) == str(error)
    assert rebuilt.args == error.args
    assert getattr(rebuilt, "errno", None) == getattr(error, "errno", None)
    assert getattr(rebuilt, "filename", None) == getattr(error, "filename", None)


def test_its_own_attributes_come_back_as_far_as_they_can_be_stored():
    rebuilt = again(CodeError(404, hint="look"))
    assert type(rebuilt) is CodeError
    assert (rebuilt.code, rebuilt.hint, str(rebuilt)) == (404, "look", "code 404")
    assert not hasattr(rebuilt.handle, "anything")
    with pytest.raises(NotRecorded, match=r"Node\.anything was not recorded"):
        rebuilt.handle.anything()


def test_no_constructor_runs():
    error = Picky(1, "two")
    data = encode_failure(error)
    zoo.calls.clear()
    rebuilt = decode_failure(data)
    assert (type(rebuilt), rebuilt.args, zoo.calls) == (Picky, (1, "two"), [])


def test_the_traceback_travels_with_the_users_frames_last():
    rebuilt = again(caught(ValueError("boom")))
    lines = rebuilt.__podium_traceback__.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "raise error from cause" in rebuilt.__podium_traceback__
    assert lines[-1] == "ValueError: boom"


def test_a_failure_that_goes_on_keeps_its_first_traceback():
    def workflow(error: BaseException) -> None:
        raise error

    first = again(caught(ValueError("boom")))
    try:
        workflow(first)
    except ValueError as passing:
        text = again(passing).__podium_traceback__
    assert text.index("in caught") < text.index("It went on through:") < text.index("in workflow")


def test_notes_causes_and_contexts():
    cause = KeyError("inner")
    cause.add_note("check the key")
    error = caught(ValueError("outer"), cause)
    error.add_note("one")
    rebuilt = again(error)
    assert rebuilt.__notes__ == ["one"]
    assert (type(rebuilt.__cause__), rebuilt.__cause__.args) == (KeyError, ("inner",))
    assert rebuilt.__cause__.__notes__ == ["check the key"]
    assert rebuilt.__suppress_context__

    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904  # its context is what is tested
    except ValueError as second:
        rebuilt = again(second)
    assert (rebuilt.__cause__, type(rebuilt.__context__), rebuilt.__suppress_context__) == (
        None,
        KeyError,
        False,
    )
    assert "KeyError: 'first'" in "".join(traceback.format_exception(rebuilt))


def test_groups_keep_their_members():
    group = ExceptionGroup("many", [ValueError(1), ExceptionGroup("inner", [CodeError(5, hint="h")])])
    rebuilt = again(group)
    assert type(rebuilt) is ExceptionGroup
    assert rebuilt.message == "many"
    matched, rest = rebuilt.split(CodeError)
    assert matched.exceptions[0].exceptions[0].code == 5
    assert rest.exceptions[0].args == (1,)


def test_a_huge_group_is_bounded_and_says_so():
    rebuilt = again(ExceptionGroup("many", [ValueError(n) for n in range(5000)]))
    assert 100 <= len(rebuilt.exceptions) < 5000
    assert "more members were not recorded" in rebuilt.__notes__[0]


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError("c")]
)
def test_what_must_not_be_thrown_again_is_a_task_failed(error):
    rebuilt = again(caught(error))
    assert type(rebuilt) is TaskFailed
    assert rebuilt.type.endswith(type(error).__name__)
    assert "Traceback" in rebuilt.traceback


def test_stop_iteration_cannot_cross_a_coroutine():
    assert type(again(StopIteration(5))) is TaskFailed


def test_an_unknown_type_is_a_task_failed_with_the_facts():
    class Local(Exception):
        pass

    rebuilt = again(caught(Local("boom"), KeyError(1)))
    assert type(rebuilt) is TaskFailed
    assert rebuilt.type.endswith("Local")
    assert rebuilt.message == "boom"
    assert "Local: boom" in rebuilt.traceback
    assert type(rebuilt.__cause__) is KeyError


def test_arguments_that_cannot_be_stored_have_stand_ins():
    rebuilt = again(ValueError(Node(), threading.Lock(), 5, "x" * 200_000, ValueError("inner")))
    node, lock, five, text, inner = rebuilt.args
    assert "Node object" in str(node)
    assert "lock" in repr(lock)
    assert five == 5
    assert 16_000 < len(text) < 17_000
    assert "characters left out" in text
    assert (type(inner), inner.args) == (ValueError, ("inner",))


def test_broken_text_is_recorded_all_the_same():
    failure = describe_failure(encode_failure(caught(Broken("x"))))
    assert "its text failed with RuntimeError" in failure.message
    assert "in caught" in failure.traceback
    rebuilt = again(caught(Broken(Broken())))
    assert isinstance(rebuilt, Broken)
    assert "its text failed with RuntimeError" in str(rebuilt)


def test_chains_are_bounded():
    one, two = ValueError(1), ValueError(2)
    one.__context__, two.__context__ = two, one
    assert again(one).__context__.args == (2,)
    error = ValueError("first")
    for n in range(2000):
        error = caught(ValueError(n), error)
    data = encode_failure(error)
    assert len(data) < 1_000_000
    assert again(error).__cause__.__cause__.args == (1997,)


def test_size_is_bounded():
    def deep(n: int) -> None:
        deep(n - 1) if n else int("x" * 100_000)

    try:
        deep(500)
    except ValueError as error:
        error.add_note("n" * 100_000)
        error.big = ["x" * 1000] * 10_000
        data = encode_failure(error)
    failure = describe_failure(data)
    assert len(failure.traceback) < 17_000
    assert len(data) < 150_000
    assert "in deep" in failure.traceback
    looped = ValueError()
    looped.args = (looped, [looped, looped])
    assert len(encode_failure(looped)) < 10_000


def test_surfaces_need_no_classes():
    data = encode_failure(caught(CodeError(404, hint="look"))).replace(b"zoo:CodeError", b"gone:CodeError")
    failure = describe_failure(data)
    assert isinstance(failure, Failure)
    assert failure.type == "tests.unit.codec.gone:CodeError"
    assert failure.message == "code 404"
    assert failure.state["code"] == 404
    assert preview(data) == "CodeError: code 404"


def test_exceptions_are_values_too():
    fine, error = decode(encode([1, caught(CodeError(5, hint="h"))]))
    assert (fine, type(error), error.code) == (1, CodeError, 5)
    assert "in caught" in error.__podium_traceback__


@pytest.mark.parametrize(
    "data",
    [b"{}", b"null", b'{"!failure":{"type":"builtins:ValueError","args":{}}}', b'{"!failure":' * 9999, b"5"],
)
def test_bytes_that_are_no_failure(data):
    with pytest.raises(DecodeError):
        decode_failure(data)


@pytest.mark.parametrize(
    "name", ["builtins:SystemExit", "builtins:eval", "os:system", "builtins:int", "nowhere:X", ""]
)
def test_data_cannot_choose_what_is_made(name):
    data = b'{"!failure":{"type":"%s","args":["echo"]}}' % name.encode()
    assert type(decode_failure(data)) is TaskFailed


def test_arguments_that_do_not_fit_the_type_any_more():
    data = b'{"!failure":{"type":"builtins:UnicodeDecodeError","message":"m","args":[1]}}'
    assert type(decode_failure(data)) is TaskFailed


@pytest.mark.parametrize(
    "make", [lambda: FrozenError(7), lambda: GuardedError("x")], ids=["frozen", "guarded"]
)
def test_a_class_that_lets_nobody_set_an_attribute(make):
    error = make()
    BaseException.__dict__["__dict__"].__get__(error)["__notes__"] = ["a note"]
    data = encode_failure(caught(error, cause=ValueError("why")))
    found = decode_failure(data)
    assert type(found) is type(error)
    get = object.__getattribute__
    assert get(found, "__notes__") == ["a note"]
    assert repr(get(found, "__cause__")) == "ValueError('why')"
    assert with_recorded_frames(found) is found
    assert traceback.extract_tb(get(found, "__traceback__"))[-1].name == "caught"
    assert recorded_traceback(found) == describe_failure(data).traceback


def test_a_frozen_one_is_what_it_was():
    assert again(FrozenError(7)) == FrozenError(7)
