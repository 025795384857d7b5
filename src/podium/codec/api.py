"""Encode and decode: the doors of the codec, with its fast roads and its errors."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ..depot import Depot
from ..errors import DecodeError, EncodeError, MissingValue, PayloadTooLarge, ResourceShortage, StoreError
from ..redaction import hidden_values, secret_in
from . import tables as tables  # fills the tables of writers and readers
from .conform import conform, matches
from .names import Names
from .refusals import Refusal
from .scalars import unboxed
from .sizes import largest_part
from .untag import Missing, Unreadable, Untag
from .walk import LEAVES, MAX_PAYLOAD, CarefulWalk, Tree, Walk, sorted_json

_json = msgspec.json.Encoder().encode
_parse = msgspec.json.Decoder().decode
_blake2b = hashlib.blake2b

# msgspec writes these, or fails and leaves them to a careful walk. They cannot be changed, and are read as
# they were written.
ATOMS = LEAVES | {str}
_TAG = b'"!'  # in every tree with a tag, and in few others
_AS_IS = b'{"!as_is":'
_NUL = b"\\u0000"  # PostgreSQL refuses it; text that merely shows it costs a careful walk
_MAX_DIGITS = 4300  # msgspec reads no longer numbers
# Below, `find`: to look for bytes with `in`, Python first raises and drops a TypeError, at every step.
_SHORT = _MAX_DIGITS  # bytes that can hold no longer one
_LONG_NUMBER = re.compile(rb"[0-9]{4301}")


def encode(
    value: Any,
    *,
    where: str = "value",
    limit: int = MAX_PAYLOAD,
    annotation: Any = Any,
    depot: Depot | None = None,
) -> bytes:
    """The bytes of a value; `decode` gives back an equal value of the same type.

    `where` names the value in errors and begins their path. `annotation` is what the value's own function
    says it returns: a value that is something else is marked, and then never held against an annotation
    when it is read, because the code that wrote it was wrong about itself from the start, and ran. What is
    kept by reference is put into `depot`; without one it cannot be encoded.
    Raises EncodeError, with the path to what cannot be stored, PayloadTooLarge above `limit` bytes,
    ResourceShortage where the depot's disk takes no more.
    Example: `encode({"at": datetime.now()})`.
    """
    if type(value) in ATOMS and (type(value) is annotation or annotation is Any):
        data = encode_atom(value)
        if data is not None and len(data) <= limit:
            return data
    try:
        data = _write(value, limit, where, where, annotation=annotation, depot=depot).data
    except EncodeError:
        plain = unboxed(value, annotation)
        if plain is value:
            raise
        value, data = plain, _write(plain, limit, where, where, annotation=annotation, depot=depot).data
    if annotation is Any or type(value) is annotation or matches(value, annotation):
        return data
    return _AS_IS + data + b"}"


def encode_atom(value: Any) -> bytes | None:
    """The bytes, a few kilobytes at most, of one of `ATOMS` that is of the type its annotation says.

    None: `encode` finds what is special about it.
    """
    try:
        data = _json(value)
    except ValueError:
        return None
    if len(data) <= _SHORT and data.find(_NUL) < 0 and not (hidden_values and secret_in(data)):
        return data
    return None


def encode_call(
    bound: Mapping[str, Any], *, where: str, limit: int = MAX_PAYLOAD, depot: Depot | None = None
) -> tuple[bytes, bytes]:
    """Arguments by parameter name as bytes, for `decode`, and the digest that tells equal calls.

    The bytes keep every order as it was given. The digest is of a canonical encoding, in which the keys of
    dicts are sorted, so that equal calls have equal digests in every process, whatever the order of
    insertion or the hash seed. `where` names the call in errors; paths begin with the parameter. Raises as
    `encode` does. Example: `args, digest = encode_call({"url": "https://…"}, where="fetch")`.
    """
    if ATOMS.issuperset(map(type, bound.values())):
        written = encode_plain_call(bound)
        if written is not None and len(written[0]) <= limit:
            return written
    given = dict(bound)
    written = _write(given, limit, where, "", depot=depot)
    if written.walk.ambiguous:
        kept = written.walk.kept
        again = _write(given, limit, where, "", canonical=True, depot=depot, kept=kept)
        written = written._replace(tree=again.tree)
    elif not written.walk.has_members:
        return written.data, _digest(written.data)
    return written.data, _digest(sorted_json(written.tree))


def encode_plain_call(bound: Mapping[str, Any]) -> tuple[bytes, bytes] | None:
    """What `encode_call` gives for arguments of `ATOMS`, the commonest call: it needs no walk.

    None: `encode_call` finds what is special about them.
    """
    try:
        data = _json(bound)
        if len(data) <= _SHORT and data.find(_NUL) < 0 and not (hidden_values and secret_in(data)):
            canonical = data if len(bound) < 2 else sorted_json(bound)
            return data, _blake2b(canonical, digest_size=12).digest()  # as `_digest`
    except ValueError:
        pass
    return None


class _Written(NamedTuple):
    data: bytes
    tree: Tree
    walk: Walk


def _write(
    value: Any,
    limit: int,
    where: str,
    root: str,
    *,
    canonical: bool = False,
    annotation: Any = Any,
    depot: Depot | None = None,
    kept: dict[int, Tree] | None = None,
) -> _Written:
    try:
        written = _walk(value, canonical, limit, annotation, depot, kept)
    except Refusal as refusal:
        raise _error(refusal, where, root, limit, value) from None
    except RecursionError:
        raise EncodeError(f"{where} is nested too deeply", path=root, fix="store it flat") from None
    except (MemoryError, ResourceShortage, StoreError):
        raise
    except Exception as error:  # a property of the user's, or a dict that another thread changed meanwhile
        said = f"{type(error).__name__}: {error}"
        raise EncodeError(
            f"{where} could not be read: {said}", path=root, fix="store a plain copy"
        ) from error
    if reference := secret_in(written.data):
        raise EncodeError(
            f"{where} holds the value of Secret({reference!r})", path=root, fix="pass the Secret itself"
        )
    if len(written.data) > limit:
        raise _too_large(where, limit, f"{len(written.data) / 2**20:.1f} MiB", root, value)
    return written


def _walk(
    value: Any,
    canonical: bool,
    limit: int,
    annotation: Any,
    depot: Depot | None,
    kept: dict[int, Tree] | None,
) -> _Written:
    walk = Walk(canonical, limit, annotation, depot, kept)
    try:
        tree = value if type(value) in ATOMS else walk.tree(value, 0)
        data = _json(tree)
        if _is_plain(data):
            return _Written(data, tree, walk)
    except ValueError:
        pass  # a lone surrogate, or more digits than Python cares to write
    walk = CarefulWalk(canonical, limit, annotation, depot, walk.kept)
    tree = walk.tree(value, 0)
    return _Written(_json(tree), tree, walk)


def _is_plain(data: bytes) -> bool:
    """Whether an optimistic walk was right about these bytes."""
    return _NUL not in data and (len(data) <= _MAX_DIGITS or not _has_long_number(data))


def _has_long_number(data: bytes) -> bool:
    # Python itself refuses to write such a number, unless this process lifted its limit.
    digits = sys.get_int_max_str_digits()
    return (digits == 0 or digits > _MAX_DIGITS) and _LONG_NUMBER.search(data) is not None


def _error(refusal: Refusal, where: str, root: str, limit: int, value: Any) -> EncodeError:
    path = _spoken(root, refusal.path())
    if refusal.kind == Refusal.LARGE:
        return _too_large(where, limit, "", root, value)
    said = path if root else f"{where}: {path}"
    return EncodeError(f"{said} {refusal.text}", path=path, fix=refusal.fix)


def _spoken(root: str, path: str) -> str:
    """Arguments are a dict to us, but names to their author: ["text"][3] is said as text[3]."""
    return root + path if root else re.sub(r'^\["(.*?)"\]', r"\1", path)


def _too_large(where: str, limit: int, size: str, root: str, value: Any) -> PayloadTooLarge:
    cap = f"{limit / 2**20:g} MiB" if limit >= 2**20 else f"{limit:,} bytes"
    inner, part = largest_part(value)
    path = _spoken(root, inner)
    said = f"{where} is above the cap of {cap}" + (f" ({size})" if size else "")
    if inner:
        said += f": {path} takes about {part / 2**20:.1f} MiB of it" if part >= 2**20 else f": most is {path}"
    fix = "write it to a file or an object store and pass its path"
    return PayloadTooLarge(said, path=path, fix=fix)


def decode(data: bytes, annotation: Any = Any, depot: Depot | None = None) -> Any:
    """The value that `encode` or `encode_call` wrote.

    With an annotation, the value is checked against it at the top and where it asks for classes; plain
    JSON (from a command line, say) is converted. Classes are looked up among those already imported and
    those the annotation mentions. What is kept by reference is read from `depot`; without one a `Ref` stands
    for it. Raises DecodeError.
    """
    if data[:1] == b"{" and data.startswith(_AS_IS):
        data, annotation = data[len(_AS_IS) : -1], Any
    try:
        value = _parse(data)
        if data.find(_TAG) >= 0:
            value = Untag(Names(annotation), depot).read(value)
    except Missing as missing:
        raise MissingValue(f"the stored value{missing.path()} {missing.text}") from None
    except Unreadable as unreadable:
        raise DecodeError(f"the stored value{unreadable.path()} {unreadable.text}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"the stored bytes are no payload ({error})") from None
    return value if annotation is Any or type(value) is annotation else conform(value, annotation)


def _digest(data: bytes) -> bytes:
    """12 bytes that stand for these bytes."""
    return _blake2b(data, digest_size=12).digest()
