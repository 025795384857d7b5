"""What a workflow's own code looks like: a digest over the functions it can reach in its own package.

It steers claims and words the reason when a history does not fit; whether a run may go on is decided by the
replay. So it may miss things (methods found at run time), and it never looks into other packages.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any, cast

from .sources import Node, Place


def fingerprint(fn: Callable[..., Any], places: Iterable[Place]) -> str:
    """16 hex digits of the functions at these places, as written: comments, layout and docstrings aside.

    Without a source it is of the function's own code; "" for what has no Python code.
    """
    digest = blake2b(digest_size=8)
    written = False
    for place in places:
        digest.update(_text(place.node).encode("utf-8", "surrogatepass"))
        written = True
    bare = inspect.unwrap(fn)
    if not written and not isinstance(bare, FunctionType):
        return ""
    if not written and isinstance(bare, FunctionType):
        feed_code(digest, bare.__code__)
    return digest.hexdigest()


def _text(node: Node) -> str:
    if isinstance(node, ast.Lambda):
        return ast.unparse(node)
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return "\n".join([node.name, ast.unparse(node.args), *map(ast.unparse, body)])


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
