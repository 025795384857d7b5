"""Values as bytes: typed, tagged JSON. Plain data, no pickle: reading never imports and never unpickles.

Plain JSON stands for itself: null, booleans, integers, finite floats, strings, lists, and dicts whose keys
are strings that do not begin with "!". Everything else is an object whose first key is a tag:

    {"!float": "nan" | "inf" | "-inf"}            {"!int": "0x..."} past 4,300 digits at the latest
    {"!str": base64}                              a string with NUL or lone surrogates (UTF-8, surrogatepass)
    {"!bytes" | "!bytearray": base64}             {"!complex": [real, imaginary]}
    {"!tuple" | "!set" | "!frozenset": [...]}     sets sorted by their items' encoding
    {"!dict" | "!OrderedDict" | "!Counter": [[key, value], ...]}
    {"!defaultdict": [factory, [[key, value], ...]]}   {"!deque": [maxlen, [...]]}   {"!range": [a, b, step]}
    {"!datetime": iso | [iso, fold, zone]}        {"!time": iso | [iso, fold, zone]}   {"!date": iso}
    {"!timedelta": [days, seconds, microseconds]} {"!timezone": [timedelta, name?]}   {"!zoneinfo": key}
    {"!uuid": text}   {"!decimal": text}   {"!fraction": [n, d]}   {"!path" | "!ip": [class, text]}
    {"!enum": "module:qualname", "member": name}, for flags "value": number
    {"!dataclass" | "!struct" | "!namedtuple": "module:qualname", field: value, ...}
    {"!pydantic_value": ["module:qualname", text | bytes | number]}   a URL, a secret, a size of Pydantic
    {"!pydantic": "module:qualname", "fields": {...}, "set": [...], "extra"?: {...}, "private"?: {...}}
    {"!failure": {...}}                           an exception as data, see `Failure`
    {"!omitted": "module:qualname", "str", "repr", "items" | "attributes"}   stands for a part of an exception
    {"!ref": [format, name, bytes, about, more?]} a value in a file beside the store, see `references`
    {"!secret": reference}                        where a secret is found
    {"!as_is": value}                             outermost only: a value other than its annotation says
    {..., "!as_is": [field, ...]}                 in an object with fields: those that are so

The bytes are UTF-8 JSON without NUL or lone surrogates, so that any store can hold them. This is a stored
format: a tag, once released, keeps its meaning for ever; a changed meaning gets a new tag; an unknown tag
is a `DecodeError` that names it. A field added to a class needs a default before old data can be read; a
field removed from it is a `DecodeError`, because dropping data silently is worse.

Classes are looked up by name among modules already imported, and among those the annotation mentions, and
must be of the kind the tag says. Dataclasses, named tuples, Pydantic models and exceptions come back
without their `__init__`; a `msgspec.Struct` runs its `__post_init__`, as it does whenever msgspec reads one.
A class is written only where its name leads back to it, and an object only where it has nothing beside its
fields. `__main__` is written as the module its file would be.

How it works: `walk` makes a tree that JSON can carry, msgspec writes it; msgspec reads it, `untag` restores.
Both take a fast road for plain data. Dicts keep their order; only what feeds a digest has its keys sorted.
"""

from .api import ATOMS, decode, encode, encode_atom, encode_call, encode_plain_call
from .call import called, preview_call
from .conform import convert
from .failures import (
    Failure,
    class_name,
    decode_failure,
    describe_failure,
    recorded_call,
    recorded_traceback,
    with_call,
)
from .names import classes_in, mentioned
from .preview import preview
from .recording import encode_failure
from .ref import REFERENCE, Ref, holds_references, names_in, sizes_in
from .references import Blob, File, Later, NotNow, trusted
from .refusals import Refusal, refuse_annotation
from .secrets import EVENT as SECRET_EVENT
from .secrets import Secret
from .type_names import type_name, without_modules
from .walk import MAX_DEPTH, MAX_PAYLOAD

__all__ = [
    "ATOMS",
    "classes_in",
    "mentioned",
    "REFERENCE",
    "Blob",
    "File",
    "Later",
    "NotNow",
    "Ref",
    "SECRET_EVENT",
    "Secret",
    "holds_references",
    "names_in",
    "sizes_in",
    "trusted",
    "Refusal",
    "MAX_DEPTH",
    "MAX_PAYLOAD",
    "Failure",
    "called",
    "convert",
    "decode",
    "decode_failure",
    "class_name",
    "describe_failure",
    "encode",
    "encode_atom",
    "encode_call",
    "encode_failure",
    "encode_plain_call",
    "preview",
    "preview_call",
    "recorded_call",
    "recorded_traceback",
    "refuse_annotation",
    "type_name",
    "with_call",
    "without_modules",
]
