"""What a run of a server says while it goes on, as those read it who have the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from .. import codec
from ..client import LOG, Chunk, Stream, Waiting
from ..errors import UsageError
from .link import Link

_WAIT_SECONDS = 20.0  # of one request for more of a stream
_PAGE = 1000  # chunks


class _Item(msgspec.Struct, frozen=True):
    n: int
    step: str
    attempt: int
    value: msgspec.Raw


class _Chunks(msgspec.Struct, frozen=True):
    items: list[_Item]
    over: bool


class _Value(msgspec.Struct, frozen=True):
    name: str
    value: msgspec.Raw


class _Data(msgspec.Struct, frozen=True):
    values: list[_Value]


class Says(Waiting[Any]):
    """A run by its id, as it is read over HTTP."""

    def __init__(self, link: Link, id: str) -> None:
        self._link, self.id = link, id

    def value(self, name: str) -> Any:
        """What the run has published under this name; None before the first. Raises RunNotFound."""
        data = msgspec.json.decode(self._link.get("runs", self.id, "data"), type=_Data)
        found = next((each for each in data.values if each.name == name), None)
        return None if found is None else codec.decode(bytes(found.value), Any)

    def stream(self, name: str = LOG, after: int = 0) -> Stream:
        """The chunks of one of its streams as they come, until it has ended or is parked; those that come
        after number `after`. `log` is what it prints and logs. Raises UsageError, RunNotFound."""
        if not isinstance(after, int) or after < 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # as given
            raise UsageError(f"stream(after={after!r}): the number of the last known chunk is needed, or 0")
        reader = _Reader(self._link, self.id, name)
        return Stream(reader.read, lambda: reader.is_over, after)


class _Reader:
    """Asks for what comes next; the server answers when there is something."""

    def __init__(self, link: Link, run: str, name: str) -> None:
        self._link, self._run, self._name = link, run, name
        self.is_over = False

    def read(self, after: int) -> Sequence[Chunk]:
        where, wait = ("runs", self._run, "streams", self._name), 0.0 if self.is_over else _WAIT_SECONDS
        data = self._link.get(*where, wait=wait, after=after, limit=_PAGE, seconds=wait)
        page = msgspec.json.decode(data, type=_Chunks)
        self.is_over = page.over
        return [
            Chunk(item.n, item.step, item.attempt, codec.decode(bytes(item.value), Any))
            for item in page.items
        ]
