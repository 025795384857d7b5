"""Where a recorded failure came from: its traceback's text as frames, and these on the exception again.

A failure reaches its caller by way of the store, so what Python would print by itself is where Podium
rebuilt it: true, and of no use. With the recorded frames put back, the user's failing line is the last one
that is printed, as if nothing had been in between.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from inspect import currentframe
from sysconfig import get_path
from types import FrameType, FunctionType, TracebackType
from typing import Any, NamedTuple

from ..codec import recorded_traceback
from ..errors import EngineStopped, PodiumError
from ..lines import STANDARD, is_user_file

_LIBRARIES = (get_path("stdlib"), get_path("purelib"), "<frozen", "<string>")  # the last: of dataclasses
_FILE = re.compile(r'  File "(.+)", line (\d{1,9}), in (.+)')
_OUTER = "\n\nIt went on through:\n"  # between a task's frames and those of the workflow that called it


class Frame(NamedTuple):
    """One line of a recorded traceback. Its text is safe to print."""

    file: str
    line: int
    name: str  # of the function
    source: str  # as it was then; "" where it was not recorded

    @property
    def is_ours(self) -> bool:
        """Whether it belongs to the machinery: Podium, asyncio."""
        return not is_user_file(self.file)

    @property
    def is_users(self) -> bool:
        """Whether it is the user's own code: not ours, and of no library."""
        return not self.is_ours and not self.file.startswith(_LIBRARIES)


def recorded_frames(text: str) -> list[Frame]:
    """The frames of a recorded traceback, the innermost last, through workflow and task."""
    return [frame for section in reversed(text.split(_OUTER)) for frame in _frames(section.splitlines())]


def _frames(lines: list[str]) -> Iterator[Frame]:
    for number, line in enumerate(lines):
        found = _FILE.fullmatch(line)
        if found:
            after = lines[number + 1] if number + 1 < len(lines) else ""
            source = after.strip() if after.startswith("    ") else ""
            yield Frame(_safe(found[1]), int(found[2]), _safe(found[3]), _safe(source))


def _safe(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def with_recorded_frames(error: BaseException) -> BaseException:
    """The same exception, its recorded frames back in `__traceback__`; so of its causes and members."""
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        link = chain.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        chain += [link.__cause__, link.__context__, *_members(link)]
        inner: TracebackType | None = None
        for frame in reversed(recorded_frames(recorded_traceback(link))):
            if not frame.is_ours:
                inner = TracebackType(inner, _stand_in(frame), 0, frame.line)
        BaseException.with_traceback(link, inner)  # past a class that lets nobody set an attribute
    return error


def _members(error: BaseException) -> Sequence[BaseException]:
    group: Any = error
    return group.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _stand_in(frame: Frame) -> FrameType:
    """A frame that says where it is and holds nothing: the real one ended long ago, perhaps elsewhere."""
    code = _here.__code__
    units = len(code.co_code) // 2
    # One line for all of the code and no columns (entries of kind 13, of up to 8 units): where in the line
    # it failed is not known, and the columns of the stand-in itself would be underlined.
    table = b"".join(bytes([0xE8 | min(8, units - done) - 1, 0]) for done in range(0, units, 8))
    code = code.replace(
        co_filename=frame.file,
        co_name=frame.name,
        co_qualname=frame.name,
        co_firstlineno=frame.line,
        co_linetable=table,
    )
    return FunctionType(code, {"currentframe": currentframe})()


def _here() -> FrameType | None:
    return currentframe()


def drop_our_frames(error: BaseException) -> None:
    """Take the frames through which Podium hands an exception to its caller out of its traceback.

    Follow it with a bare `raise`, which adds none. `PODIUM_TRACE=1` keeps them.
    """
    if _are_kept():
        return
    if not isinstance(error, Exception):  # it hit us while we waited: all that is in here is the waiting
        BaseException.with_traceback(error, None)
        return
    found = error.__traceback__
    while found is not None and _is_podium(found.tb_frame):
        found = found.tb_next
    BaseException.with_traceback(error, found)
    if isinstance(error, EngineStopped) and isinstance(why := error.__cause__, PodiumError):
        # Its text has all of that; as context it is there for who asks, and not shown as a second traceback.
        error.__context__, error.__cause__ = why, None


def leave_only_theirs(error: BaseException) -> None:
    """Take all frames of Podium, and of what it has called, out of an exception that is about to be shown,
    and of those that it came after; of these such as were in Podium alone are not told of. `PODIUM_TRACE=1`
    keeps them."""
    if _are_kept():
        return
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        BaseException.with_traceback(link, _theirs(link.__traceback__))
        before = after = link.__cause__ or link.__context__
        while after is not None and id(after) not in seen and _was_in_podium(after):
            seen.add(id(after))
            after = after.__cause__ or after.__context__
        if after is not before and link.__cause__ is not None:
            link.__cause__ = after
        elif after is not before:
            link.__context__ = after
        link = after


def their_frames(found: TracebackType | None) -> TracebackType | None:
    """What `leave_only_theirs` leaves of a traceback."""
    return found if _are_kept() else _theirs(found)


def _are_kept() -> bool:
    return os.environ.get("PODIUM_TRACE") == "1"


def _is_podium(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").startswith("podium.")


def _was_in_podium(error: BaseException) -> bool:
    is_bare = error.__traceback__ is None and not isinstance(error, KeyboardInterrupt)
    return not is_bare and _theirs(error.__traceback__) is None


def _theirs(found: TracebackType | None) -> TracebackType | None:
    """The frames that are neither of Podium nor of a library that it uses."""
    kept: list[TracebackType] = []
    inside = False
    while found is not None:
        inside = _is_podium(found.tb_frame) or (inside and _is_used(found.tb_frame.f_code.co_filename))
        if not inside:
            kept.append(found)
        found = found.tb_next
    inner: TracebackType | None = None
    for entry in reversed(kept):
        inner = TracebackType(inner, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return inner


def _is_used(file: str) -> bool:
    """Whether it is of what Podium calls for its own ends, where Podium has called it."""
    if f"-packages{os.sep}" in file:  # which may be below the standard library
        return f"{os.sep}psycopg{os.sep}" in file
    return file.startswith((STANDARD, "<frozen"))
