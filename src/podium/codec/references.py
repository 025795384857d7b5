"""Values that are kept by reference, by their type and never by their size: arrays, frames, tables, `Blob`,
`File`, and what is `trusted`. The record holds what a value is and the name of its file in the store's depot:

    {"!ref": [format, name, bytes, "ndarray float64 (2500, 2500)", more?]}

Each has the file format of its own library, none is a dependency: a library is there when a value of its is
written, and imported when one is read. With a depot a record is decoded to the value; without one, as for the
body of a workflow, to a `Ref` in its place.

Reading runs no code that the data names, but for what the program itself has declared `trusted`.
"""

# Values of any type pass through here, which strict checking calls unknown.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..depot import Depot, Sink
from ..errors import DeclarationError, ResourceShortage
from ..modules import MAIN
from .formats import FORMATS, MISSING, FileFormat, format_of, library
from .names import name_of
from .ref import Ref
from .refusals import Refusal
from .untag import Missing, Reader, Unreadable, Untag
from .walk import Tree, Walk, Writer, writer_of

C = TypeVar("C", bound=type)

_CHUNK = 1024 * 1024
_PICKLE = "pickle"


class Later(BaseException):
    """A value would have to be kept, and its writer has said that it is not to be now. A signal, no error."""


class NotNow(Depot):
    """Instead of a depot, where nothing may be written: encoding raises `Later` where it would."""

    def __init__(self) -> None:
        super().__init__(Path())

    def put(self, write: Callable[[Sink], object]) -> Any:
        raise Later


class Blob:
    """Bytes that are kept by reference: in a file of their own, copied once, read by the tasks that get them.

    Example:

    >>> podium.Blob(b"\\x89PNG...").data[:4]
    b'\\x89PNG'
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = bytes(data)

    def __bytes__(self) -> bytes:
        return self.data

    def __len__(self) -> int:
        return len(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blob) and other.data == self.data

    def __hash__(self) -> int:
        return hash((Blob, self.data))

    def __repr__(self) -> str:
        return f"<Blob of {len(self.data):,} bytes>"


class File(PathLike[str]):
    """A file that is kept by reference: copied beside the store when it is returned, passed or sent; whoever
    gets it reads the copy, whatever has become of the original. The copy is not to be written to.

    Wherever a path is taken it stands for one. `name` is the original's last part, which the copy has, too.

    Example, in a task that returns it:

    >>> podium.File("data/report.csv").name
    'report.csv'
    """

    __slots__ = ("path",)

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def name(self) -> str:
        """What it is called, without folders."""
        return self.path.name

    def __fspath__(self) -> str:
        return str(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and other.path == self.path

    def __hash__(self) -> int:
        return hash((File, self.path))

    def __repr__(self) -> str:
        return f"File({str(self.path)!r})"


# -- what is trusted -----------------------------------------------------------------------------------

_trusted: dict[str, type] = {}


def trusted(cls: C) -> C:
    """Let instances of a class, and of those derived from it, be kept by reference as pickles.

    Whoever can write to the store can then run code in a process that says this, when it reads such a value:
    say it of classes of libraries that have no file format of their own, such as fitted models, on stores
    that only you write to. A process that does not say it refuses to read them. It stands before the first
    function that has the class in its annotations; also as a decorator of a class. Gives the class back.

    Raises DeclarationError for a class of `__main__`, which other processes know by another name.

    Example:

    >>> podium.trusted(asyncio.Queue)
    <class 'asyncio.queues.Queue'>
    """
    if cls.__module__ in MAIN:
        raise DeclarationError(
            f"trusted({cls.__qualname__}): a class of the script itself has another name in other processes",
            fix="define it in a module that the script imports",
        )
    _trusted[name_of(cls)] = cls
    writer_of.cache_clear()
    return cls


def is_trusted(kind: type) -> bool:
    """Whether it is such a class."""
    return _trust(kind) is not None


def _trust(kind: type) -> str | None:
    """The name under which a class is trusted: its own, or its nearest base's."""
    for base in kind.__mro__:
        if _trusted.get(name := name_of(base)) is base:
            return name
    return None


# -- writing -------------------------------------------------------------------------------------------


def is_kept(kind: type) -> bool:
    """Whether values of a class are kept by reference."""
    return kind in WRITERS or format_of(kind) is not None or is_trusted(kind)


def class_writer(kind: type) -> Writer | None:
    """The writer of a class that is kept by reference; None for others."""
    if (found := format_of(kind)) is not None:
        return partial(_write_format, found)
    name = _trust(kind)
    return None if name is None else partial(_write_trusted, name)


def _write_format(found: FileFormat, value: Any, walk: Walk, depth: int) -> Tree:
    def write(sink: Sink) -> None:
        found.write(value, sink)

    more = () if found.more is None else (walk.tree(found.more(value), depth + 1),)
    return _kept(walk, value, found.name, found.about(value), write, *more)


def _write_trusted(trust: str, value: Any, walk: Walk, depth: int) -> Tree:
    kind = type(value)

    def write(sink: Sink) -> None:
        library("pickle").dump(value, sink, protocol=5)

    return _kept(walk, value, _PICKLE, kind.__qualname__, write, trust)


def _write_blob(value: Blob, walk: Walk, depth: int) -> Tree:
    return _kept(walk, value, "blob", "Blob", lambda sink: sink.write(value.data))


def _write_file(value: File, walk: Walk, depth: int) -> Tree:
    if walk.depot is not None and not walk.depot.reads_files:
        raise Refusal(
            Refusal.WHAT, "is a file, which a body must not read", "pass its path, and open it in a task"
        )
    try:
        if not value.path.is_file() and value.path.exists():
            raise OSError(0, "no regular file")  # a pipe would be waited for, a device may never end
        source = value.path.open("rb")  # its errors are not those of the depot's disk
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        text = f"is the file {value.path}, which cannot be read ({why})"
        raise Refusal(Refusal.WHAT, text, "give a path of this machine, of a file that is there") from None

    def write(sink: Sink) -> None:
        while chunk := source.read(_CHUNK):
            sink.write(chunk)

    with source:
        return _kept(walk, value, "file", f"File {value.name}", write, value.name)


def _kept(
    walk: Walk, value: Any, format: str, about: str, write: Callable[[Sink], object], *more: Tree
) -> Tree:
    """Put it into the depot, once for a value however often it is walked."""
    if walk.depot is None:
        raise Refusal(
            Refusal.WHAT,
            f"is {_article(about)}, which is kept by reference beside a store",
            "make it in a task, or keep it in a file of your own and pass the path",
        )
    tree = walk.kept.get(id(value))
    if tree is None:
        try:
            kept = walk.depot.put(write)
        except OSError as error:  # the depot's disk: no fault of whose value it is
            raise ResourceShortage(
                f"{about} cannot be kept in {walk.depot.folder} ({error.strerror})",
                fix="free some space, or look what the system says of the disk",
            ) from error
        tree = walk.kept[id(value)] = {"!ref": [format, kept.name, kept.size, about, *more]}
    walk.spend(200)
    return tree


def _article(about: str) -> str:
    return f"{'an' if about[:1] in 'aeiou' else 'a'} {about}"


def _write_ref(value: Ref, walk: Walk, depth: int) -> Tree:
    walk.spend(200)
    return {"!ref": value.tree}


WRITERS: dict[type, Writer] = {Blob: _write_blob, File: _write_file, Ref: _write_ref}

# -- reading -------------------------------------------------------------------------------------------


class _Node(NamedTuple):
    format: str
    name: str
    size: int
    about: str
    more: Any = None


def _read_ref(payload: Any, rest: dict[str, Any], untag: Untag) -> Any:
    node = _Node(*payload)
    if untag.depot is None:
        return Ref(payload)
    path = untag.depot.path(node.name)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise Missing(f"is {node.about}, but {path} is not there") from None
    if size != node.size:
        raise Missing(f"is {node.about}, kept by reference, but {path} has {size:,} bytes, not {node.size:,}")
    if node.format == _PICKLE:
        return _unpickled(node, path)
    if not untag.depot.is_unchanged(node.name):
        raise Missing(_changed(node, path))
    if node.format == "blob":
        return Blob(path.read_bytes())
    if node.format == "file":
        return File(untag.depot.called(node.name, str(untag.read(node.more))))
    found = FORMATS.get(node.format)
    if found is None:
        raise Unreadable(f"is kept as {node.format!r}, which this version of Podium does not know")
    try:
        return found.read(path, untag.read(node.more))
    except MISSING as missing:
        raise Unreadable(f"is {node.about}, and {missing.name} is not installed here") from None


def _changed(node: _Node, path: Path) -> str:
    return f"is {node.about}, kept by reference, but {path} was changed: bring it back from a backup"


def _unpickled(node: _Node, path: Path) -> Any:
    if node.more not in _trusted:
        raise Unreadable(
            f"is a pickle of {node.about}, and this program has not said podium.trusted({node.more})"
        )
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != node.name:
        raise Missing(_changed(node, path))
    return library("pickle").loads(data)


READERS: dict[str, Reader] = {"!ref": _read_ref}
