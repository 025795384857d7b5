"""What an engine, its cluster driver (a process of its own) and the workers of a cluster say to each other.

Everything is bytes of msgspec, nothing a pickle: an attempt is the record's own bytes, and so is its outcome.
The engine and its driver exchange frames on a socket pair; each is a length and a message.
"""

from __future__ import annotations

import socket
import struct
import threading

import msgspec

from ..model import LogLine
from .wire import Do, Done

_LENGTH = struct.Struct("!Q")
READ_BYTES = 1024 * 1024


class Work(msgspec.Struct, frozen=True, array_like=True):
    """To a worker: make this attempt."""

    key: str  # of this attempt alone, never used again
    do: Do
    args: bytes
    topic: str  # under which a worker says its notes
    depot: str  # the folder of values that are kept by reference; "": out of reach from there
    is_logged: bool  # what the body prints and logs is kept
    is_timed: bool  # it has a timeout: its beginning is told at once


class Note(msgspec.Struct, frozen=True, array_like=True):
    """From a worker, while the body runs: that it has begun, its progress, its output."""

    key: str
    where: str  # the worker
    progress: tuple[float, float | None, str] | None = None
    said: bytes = b""  # the progress as it is kept for the next attempt
    lines: list[LogLine] = []


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """From a worker: how the attempt ended."""

    where: str
    done: Done
    payload: bytes
    said: bytes = b""
    lines: list[LogLine] = []
    refused: str = ""  # why it could not begin at all: the deployment is to be mended


class Send(msgspec.Struct, frozen=True, tag=True):
    """To the driver: have these attempts made. Keys, each with a `Work`."""

    works: list[tuple[str, bytes]]


class Drop(msgspec.Struct, frozen=True, tag=True):
    """To the driver: the outcomes of these are not wanted."""

    keys: list[str]


class Up(msgspec.Struct, frozen=True, tag=True):
    """From the driver: the cluster is reached. `warning`: what it does not allow."""

    address: str
    workers: int
    warning: str = ""


class Down(msgspec.Struct, frozen=True, tag=True):
    """From the driver: the cluster cannot be reached, or not any more. The driver ends."""

    why: str


class Replies(msgspec.Struct, frozen=True, tag=True):
    """From the driver: attempts that ended. Keys, each with a `Reply`."""

    replies: list[tuple[str, bytes]]


class Loss(msgspec.Struct, frozen=True, array_like=True):
    """An attempt without an outcome. `is_alone`: no other of ours was on the worker that died under it."""

    key: str
    why: str
    is_death: bool = False  # a worker died
    is_alone: bool = False


class Losses(msgspec.Struct, frozen=True, tag=True):
    """From the driver: attempts that have neither outcome nor failure."""

    losses: list[Loss]


class Refusals(msgspec.Struct, frozen=True, tag=True):
    """From the driver: attempts that no worker could begin, each with why."""

    refusals: list[tuple[str, str]]


class Notes(msgspec.Struct, frozen=True, tag=True):
    """From the driver: what bodies say while they run, each a `Note`."""

    notes: list[bytes]


ToDriver = Send | Drop
FromDriver = Up | Down | Replies | Losses | Refusals | Notes
_encode = msgspec.msgpack.Encoder().encode
_to_driver = msgspec.msgpack.Decoder(ToDriver).decode
_from_driver = msgspec.msgpack.Decoder(FromDriver).decode
encode = _encode
decode_work = msgspec.msgpack.Decoder(Work).decode
decode_note = msgspec.msgpack.Decoder(Note).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode


class Link:
    """One end of the socket pair; sending and receiving block. Any thread sends, one receives."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._lock, self._in = end, threading.Lock(), bytearray()

    def send(self, message: ToDriver | FromDriver) -> None:
        """Send a frame. Raises OSError when nobody listens."""
        data = _encode(message)
        with self._lock:
            self._end.sendall(_LENGTH.pack(len(data)) + data)

    def receive_order(self) -> ToDriver | None:
        """In the driver: the next frame; None when the engine has hung up."""
        data = self._receive()
        return None if data is None else _to_driver(data)

    def receive_news(self) -> FromDriver | None:
        """In the engine: the next frame; None when the driver is gone."""
        data = self._receive()
        return None if data is None else _from_driver(data)

    def _receive(self) -> bytes | None:
        head = self._take(_LENGTH.size)
        return None if head is None else self._take(_LENGTH.unpack(head)[0])

    def _take(self, size: int) -> bytes | None:
        while len(self._in) < size:
            try:
                data = self._end.recv(READ_BYTES)
            except OSError:
                return None
            if not data:
                return None
            self._in += data
        taken = bytes(self._in[:size])
        del self._in[:size]
        return taken

    def hang_up(self) -> None:
        """Wake whoever reads at either end."""
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side has done so

    def close(self) -> None:
        """Let go of it."""
        self._end.close()
