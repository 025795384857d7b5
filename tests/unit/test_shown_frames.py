"""What is shown of an exception that ends the program: the user's frames, and none of Podium's."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

import pytest

from podium.client.signals import _without_ours
from podium.inspect import leave_only_theirs

OURS = """
def through(call):
    return call()

def chained(call):
    try:
        raise ValueError("of our own")
    except ValueError:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            call()
"""


@pytest.fixture
def ours() -> Any:
    """Functions of Podium."""
    space: dict[str, Any] = {"__name__": "podium.somewhere"}
    exec(compile(OURS, "podium/somewhere.py", "exec"), space)
    return type("Ours", (), {name: staticmethod(space[name]) for name in ("through", "chained")})


def interrupted() -> None:
    raise KeyboardInterrupt


def caught(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError


def names_in(found: TracebackType | None) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(found)]


def names(error: BaseException) -> list[str]:
    return names_in(error.__traceback__)


def shown(error: BaseException) -> list[str]:
    leave_only_theirs(error)
    return names(error)


def test_frames_of_ours_are_left_out_wherever_they_stand(ours: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def user() -> None:
        ours.through(lambda: ours.through(interrupted))

    monkeypatch.delenv("PODIUM_TRACE", raising=False)
    assert shown(caught(user)) == ["caught", "user", "<lambda>", "interrupted"]
    monkeypatch.setenv("PODIUM_TRACE", "1")
    assert "through" in shown(caught(user))


def test_what_we_use_is_left_out_with_us_and_what_the_user_uses_is_not(ours: Any) -> None:
    def encode() -> str:
        return json.dumps(object(), default=lambda _: interrupted())

    assert "dumps" in shown(caught(encode))
    assert "dumps" in shown(caught(lambda: ours.through(encode)))
    used = shown(caught(lambda: ours.through(partial(json.dumps, object(), default=lambda _: interrupted()))))
    assert "dumps" not in used
    assert used[-2:] == ["<lambda>", "interrupted"]


def test_what_came_before_in_our_code_alone_is_not_told(ours: Any) -> None:
    error = caught(lambda: ours.chained(interrupted))
    assert isinstance(error.__context__, KeyboardInterrupt)
    leave_only_theirs(error)
    assert error.__context__ is None


def test_what_came_before_in_the_users_code_is_told(ours: Any) -> None:
    def user() -> None:
        try:
            ours.through(lambda: 1 / 0)
        except ZeroDivisionError:
            ours.through(lambda: ours.chained(interrupted))

    error = caught(user)
    leave_only_theirs(error)
    assert isinstance(error.__context__, ZeroDivisionError)
    assert "through" not in names(error.__context__)


def test_what_is_no_ctrl_c_is_shown_as_it_is(ours: Any) -> None:
    told: list[Any] = []
    show = _without_ours(lambda *about: told.append(about))

    def fail() -> None:
        ours.through(lambda: 1 / 0)

    error = caught(fail)
    show(type(error), error, error.__traceback__)
    assert told == [(ZeroDivisionError, error, error.__traceback__)]
    assert "through" in names(error)
    error = caught(lambda: ours.through(interrupted))
    show(type(error), error, error.__traceback__)
    assert told[1][:2] == (KeyboardInterrupt, error)
    assert "through" not in names(error)
    assert names_in(told[1][2]) == names(error)


def test_a_traceback_that_somebody_has_trimmed_stays_trimmed(ours: Any) -> None:
    told: list[Any] = []
    error = caught(lambda: ours.through(interrupted))
    whole = error.__traceback__
    assert whole is not None
    _without_ours(lambda *about: told.append(about))(KeyboardInterrupt, error, whole.tb_next)
    assert names_in(told[0][2]) == names(error)[1:] == ["<lambda>", "interrupted"]
