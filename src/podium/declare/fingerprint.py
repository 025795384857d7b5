"""What a workflow's own code looks like: a digest over the functions it can reach in its own package.

It steers claims and words the reason when a history does not fit; whether a run may go on is decided by the
replay. So it may miss things (methods found at run time), and it never looks into other packages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any, cast

from ..inspect import as_written, digest_of
from .sources import Place


def fingerprint(fn: Callable[..., Any], places: Iterable[Place]) -> str:
    """16 hex digits of the functions at these places, as written: comments, layout and docstrings aside.

    Without a source it is of the function's own code; "" for what has no Python code.
    """
    texts = tuple(as_written(place.node) for place in places)
    if texts:
        return digest_of(texts)
    bare = inspect.unwrap(fn)
    if not isinstance(bare, FunctionType):
        return ""
    digest = blake2b(digest_size=8)
    feed_code(digest, bare.__code__)
    return digest.hexdigest()


def feed_code(digest: Any, code: CodeType) -> None:
    """Digest one code object and those nested in it."""
    digest.update(code.co_name.encode())
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            feed_code(digest, constant)
        elif isinstance(constant, frozenset):
            digest.update(repr(sorted(map(repr, cast(frozenset[object], constant)))).encode())
        else:
            digest.update(repr(constant).encode())
