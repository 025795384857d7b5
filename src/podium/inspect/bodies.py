"""What the body of a function that is read, and not run, calls, and what its code is like to the letter."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Body(NamedTuple):
    """One declared function's."""

    words: frozenset[str]  # the names that it mentions, and what it reaches in its file
    code: tuple[Node, ...]  # it, and the functions of its file that it calls, in the order of `own_code`

    def digest(self, name: str) -> str:
        """What the fingerprint of a workflow of this code, called so, would be.

        Only what its own file has is read: of one that reaches into other files it is another, so it can tell
        that code is the same, never that it is not.
        """
        return digest_of((as_written(self.code[0], name), *map(as_written, self.code[1:])))


def digest_of(texts: Iterator[str] | tuple[str, ...]) -> str:
    """16 hex digits of functions as they are written."""
    digest = blake2b(digest_size=8)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def as_written(node: Node, name: str = "") -> str:
    """A function without comments, layout and docstring; `name`: under this one."""
    if isinstance(node, ast.Lambda):
        return ast.unparse(node)
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return "\n".join([name or node.name, ast.unparse(node.args), *map(ast.unparse, body)])


class Bodies:
    """The functions of one file, by what their bodies reach."""

    def __init__(self, tree: ast.Module, declared: Mapping[str, str], aliases: Mapping[str, str]) -> None:
        """`declared`: the bare names of tasks and workflows, each with what its steps are known by;
        `aliases`: what an import calls otherwise."""
        self._declared, self._aliases = declared, aliases
        self._units: dict[str, list[ast.stmt]] = {}  # of the file, by the name that each binds
        self._level(tree.body)

    def _level(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            for name in _bound(statement):
                self._units.setdefault(name, []).append(statement)
            for inner in ("body", "orelse", "finalbody"):
                if isinstance(statement, (ast.If, ast.Try, ast.With, ast.ClassDef)):
                    self._level(getattr(statement, inner, []))

    def of(self, node: Node) -> Body:
        """What a function is and reaches."""
        return Body(self.words(node), self._own_code(node))

    def words(self, start: ast.AST) -> frozenset[str]:
        """All names that it comes to. A task or a workflow is a step, and not read any further."""
        words: set[str] = set()
        queue = [start]
        while queue:
            for name in _mentioned(queue.pop()):
                if name not in words:
                    words.add(name)
                    words.add(self._aliases.get(name, name))
                    words.add(self._declared.get(name, name))
                    queue += [] if name in self._declared else self._units.get(name, [])
        return frozenset(words)

    def _own_code(self, node: Node) -> tuple[Node, ...]:
        code, at = [node], 0
        while at < len(code):
            for each in _read(code[at]):
                if isinstance(each, ast.Name) and each.id not in self._declared:
                    for unit in self._units.get(each.id, []):
                        if isinstance(unit, (ast.FunctionDef, ast.AsyncFunctionDef)) and unit not in code:
                            code.append(unit)
            at += 1
        return tuple(code)


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _mentioned(start: ast.AST) -> Iterator[str]:
    for node in _read(start):
        if isinstance(node, (ast.Name, ast.Attribute)):
            yield node.id if isinstance(node, ast.Name) else node.attr


def _read(start: ast.AST) -> Iterator[ast.AST]:
    """What is evaluated when it runs, in the order in which it is written: no annotations, no decorators."""
    if isinstance(start, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        inner: list[ast.AST | None] = [*start.args.defaults, *start.args.kw_defaults]
        inner += start.body if isinstance(start.body, list) else [start.body]
    elif isinstance(start, ast.AnnAssign):
        inner = [start.target, start.value]
    else:
        inner = list(ast.iter_child_nodes(start))
    yield start
    for each in inner:
        if each is not None:
            yield from _read(each)
