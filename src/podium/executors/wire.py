"""What a task's own process and its parent say to each other: frames on a socket pair.

A frame is its lengths, a msgspec struct, and perhaps a payload, which is bytes made by the codec on one side
and read by it on the other: no pickle, and nothing is encoded twice. A large payload travels in a shared
file (memfd) whose descriptor goes along with the frame: one copy into it and one out, instead of thousands
of small ones through the socket. Where there are no such files it goes through the socket.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections import deque
from typing import NamedTuple

import msgspec

from ..model import Measure

SHARED_BYTES = 256 * 1024  # a payload larger than this goes in a shared file
READ_BYTES = 64 * 1024
EMITTED_MAX = 256 * 1024  # bytes that a child emits before it waits for `Room`
HEADER_MAX = 16 * 1024 * 1024  # bytes; what is said beside payloads is far smaller
_LENGTHS = struct.Struct("!II?")  # of the message and of the payload; whether that is in a shared file


class ModuleRef(msgspec.Struct, frozen=True, array_like=True):
    """A module that declares a task: its name, and its file in case it is not found by name."""

    module: str
    file: str = ""


class Hello(msgspec.Struct, frozen=True, tag=True):
    """To the child, first: whose it is, and what modules may look at when they are imported."""

    store: str  # URL
    path: list[str]
    argv: list[str]
    level: int  # of the root logger
    depot: str  # the folder of values that are kept by reference


class Load(msgspec.Struct, frozen=True, tag=True):
    """To the child: import a task's module before it is needed."""

    function: str
    import_from: list[ModuleRef]


class Do(msgspec.Struct, frozen=True, tag=True):
    """To the child: make this attempt. The payload is the encoded arguments."""

    function: str
    import_from: list[ModuleRef]
    run: str
    key: str  # for idempotency
    step: str
    number: int
    token: int
    memory: int | None  # bytes
    is_known: bool  # it has begun this task before: it need not say that the module is there
    last: bytes = b""  # what the attempt before it said of its progress
    headers: str = ""  # the run's `context`
    since: float = 0.0  # when the run was begun


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From the child: it listens."""


class Began(msgspec.Struct, frozen=True, tag=True):
    """From the child: the module of a task that it did not know is there, the body begins."""


class Noted(msgspec.Struct, frozen=True, tag=True):
    """From the child: the body called `progress`. The payload is what is kept for the next attempt."""

    done: float
    total: float | None
    text: str


class Emitted(msgspec.Struct, frozen=True, tag=True):
    """From the child: the body emits a chunk, or publishes a value. The payload is that."""

    name: str
    is_value: bool


class Room(msgspec.Struct, frozen=True, tag=True):
    """To the child: of what it has emitted so many bytes wait no more."""

    bytes: int


class Waits(msgspec.Struct, frozen=True, tag=True):
    """From the child: the body begins to wait for these runs, or does no more."""

    runs: tuple[str, ...]
    begins: bool


class Started(msgspec.Struct, frozen=True, tag=True):
    """From the child: the body has started a run."""


class Logged(msgspec.Struct, frozen=True, tag=True):
    """From the child: a log record that nobody there has handled."""

    logger: str
    level: int
    text: str
    trace: str  # of its exception; "" if it has none
    path: str
    line: int
    function: str


class Spoken(msgspec.Struct, frozen=True, array_like=True):
    """A chunk that a body has emitted, or the value that it has published last under this name."""

    name: str
    payload: bytes
    is_value: bool = False


class Done(msgspec.Struct, frozen=True, tag=True):
    """From the child: the attempt ended. The payload is its encoded result or failure.

    `final`: it failed with what no policy tries again, SystemExit and its like. `lost`: see `Ended`.
    """

    good: bool
    final: bool = False
    lost: bool = False
    measures: list[Measure] = []
    spoken: list[Spoken] = []  # of a body that no engine could hear while it ran


Message = Hello | Load | Do | Room | Ready | Began | Noted | Emitted | Waits | Started | Logged | Done
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Frame(NamedTuple):
    message: Message
    payload: bytes


class Channel:
    """One end. In the child it blocks; in the parent it does not, and what could not be sent waits."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lock = threading.Lock()  # `progress` may be called in any thread of the child
        self._in = bytearray()
        self._descriptors: deque[int] = deque()  # of shared files whose frames are still to come
        self._out: deque[tuple[memoryview, int | None]] = deque()
        self.gone = False  # the other side has hung up

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: Message, payload: bytes = b"") -> bool:
        """Send a frame; False if some of it has to wait for `flush`. Raises OSError when nobody listens."""
        header = _encode(message)
        shared = _shared(payload) if len(payload) > SHARED_BYTES else None
        with self._lock:
            head = _LENGTHS.pack(len(header), len(payload), shared is not None) + header
            if shared is None and len(payload) <= READ_BYTES:
                head += payload  # one call for both costs less than the copy
                payload = b""
            self._out.append((memoryview(head), shared))
            if payload and shared is None:
                self._out.append((memoryview(payload), None))
            return self._flush()

    def flush(self) -> bool:
        """Send what waits; False if some still does."""
        with self._lock:
            return self._flush()

    def _flush(self) -> bool:
        while self._out:
            view, shared = self._out[0]
            try:
                if shared is None:
                    sent = self._end.send(view)
                else:
                    sent = socket.send_fds(self._end, [view], [shared])
                    os.close(shared)
            except BlockingIOError:
                return False
            if sent == len(view):
                self._out.popleft()
            else:
                self._out[0] = (view[sent:], None)
        return True

    def receive(self) -> Frame | None:
        """The next frame; None when the other side is gone. In the parent: when there is none yet, too."""
        while (frame := self._take()) is None:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._end, READ_BYTES, 8)
            except BlockingIOError:
                return None
            except ConnectionError:
                data, descriptors = b"", []
            if not data:
                self.gone = True
                return None
            self._in += data
            self._descriptors.extend(descriptors)
        return frame

    def _take(self) -> Frame | None:
        if len(self._in) < _LENGTHS.size:
            return None
        header, size, is_shared = _LENGTHS.unpack_from(self._in)
        if header > HEADER_MAX:
            raise ValueError("not a frame of ours: the task has written into the socket")
        begin = _LENGTHS.size + header
        end = begin if is_shared else begin + size
        if len(self._in) < end:
            return None
        with memoryview(self._in) as view:
            message = _decode(view[_LENGTHS.size : begin])
            payload = b"" if is_shared else bytes(view[begin:end])
        del self._in[:end]
        return Frame(message, _read_all(self._descriptors.popleft(), size) if is_shared else payload)

    def hang_up(self) -> None:
        """Say no more; what the other side still says is heard."""
        try:
            self._end.shutdown(socket.SHUT_WR)
        except OSError:
            self.gone = True

    def close(self) -> None:
        """Let go of it."""
        for descriptor in (*self._descriptors, *(shared for _, shared in self._out if shared is not None)):
            os.close(descriptor)
        self._out.clear()
        self._descriptors.clear()
        self._end.close()


def _shared(payload: bytes) -> int | None:
    """A shared file with these bytes; None where there is none to be had."""
    try:
        descriptor = os.memfd_create("podium", os.MFD_CLOEXEC)
    except (AttributeError, OSError):  # not Linux, or out of descriptors
        return None
    view = memoryview(payload)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:  # no memory for it
        os.close(descriptor)
        return None
    return descriptor


def _read_all(descriptor: int, size: int) -> bytes:
    try:
        data = os.pread(descriptor, size, 0)
        while len(data) < size:  # one read gives 2 GB at most
            data += os.pread(descriptor, size - len(data), len(data))
        return data
    finally:
        os.close(descriptor)
