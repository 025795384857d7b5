"""What a workflow's own code looks like: a digest over the functions it can reach in its own package.

It only steers claims and words the reason when a history does not fit; whether a run may go on is decided
by the replay. So it may miss things (methods found at run time), and it never looks into other packages.
"""

from __future__ import annotations

import inspect
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any, cast


def fingerprint(fn: Any) -> str:
    """16 hex digits; "" for what has no Python code."""
    bare = inspect.unwrap(fn)
    if not isinstance(bare, FunctionType):
        return ""
    digest = blake2b(digest_size=8)
    package = (bare.__module__ or "").partition(".")[0]
    seen: set[CodeType] = set()
    queue = [bare]
    while queue:
        function = queue.pop()
        if function.__code__ in seen:
            continue
        seen.add(function.__code__)
        for name in _feed(digest, function.__code__):
            value = function.__globals__.get(name)
            # A task called from here is recorded by name and arguments: its body is not the workflow's code.
            if isinstance(value, FunctionType) and (value.__module__ or "").partition(".")[0] == package:
                queue.append(value)
    return digest.hexdigest()


def _feed(digest: Any, code: CodeType) -> list[str]:
    """Digest one code object and those nested in it; returns the global names it uses, in order."""
    digest.update(code.co_name.encode())
    digest.update(code.co_code)
    names = list(code.co_names)
    digest.update(repr(names).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += _feed(digest, constant)
        elif isinstance(constant, frozenset):
            digest.update(repr(sorted(map(repr, cast(frozenset[object], constant)))).encode())
        else:
            digest.update(repr(constant).encode())
    return names
