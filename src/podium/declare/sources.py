"""The source of the modules that declare workflows, parsed, and where a function of them stands in it."""

from __future__ import annotations

import ast
import importlib.util
import linecache
import os
import sys
from types import CodeType, FunctionType
from typing import Any, NamedTuple

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Klass = ast.ClassDef

MARK = "podium: replay-safe"


class Source:
    """A module's text and tree. `top` has the statement that binds each name of the module, the last one."""

    def __init__(self, filename: str, lines: list[str], namespace: dict[str, Any]) -> None:
        self.filename, self.lines, self.namespace = filename, lines, namespace
        tree = ast.parse("".join(lines), filename)
        self.top: dict[str, ast.stmt] = {}
        self._functions: dict[int, list[tuple[Node, Klass | None]]] = {}
        self._level(tree.body)
        self._index(tree, None)

    def _level(self, body: list[ast.stmt]) -> None:
        for statement in body:
            for name in _bound(statement):
                self.top[name] = statement
            for inner in ("body", "orelse", "finalbody"):
                if isinstance(statement, (ast.If, ast.Try, ast.With)):
                    self._level(getattr(statement, inner, []))

    def _index(self, node: ast.AST, owner: Klass | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                self._functions.setdefault(first_line(child), []).append((child, owner))
            self._index(child, child if isinstance(child, ast.ClassDef) else owner)

    def find(self, code: CodeType) -> tuple[Node, Klass | None] | None:
        """The definition that this code was compiled from, and the class around it."""
        for node, owner in self._functions.get(code.co_firstlineno, ()):
            if getattr(node, "name", "<lambda>") == code.co_name:
                return node, owner
        return None

    def is_marked(self, node: ast.AST) -> bool:
        """Whether a comment on one of the node's lines says that it may stand there."""
        first = getattr(node, "lineno", 1)
        last = getattr(node, "end_lineno", None) or first
        return any(MARK in line.partition("#")[2] for line in self.lines[first - 1 : last])


class Place(NamedTuple):
    """A function found on the way: its definition, the module it is of, the class around it."""

    node: Node
    source: Source
    owner: Klass | None = None


_sources: dict[str, Source] = {}


def source_of(filename: str, namespace: dict[str, Any]) -> Source | None:
    """The module's source; None where there is none to be had (a REPL, `python -c`) or it does not parse."""
    linecache.checkcache(filename)
    lines = linecache.getlines(filename, namespace)
    known = _sources.get(filename)
    if known is not None and known.lines == lines and known.namespace is namespace:
        return known
    if not lines:
        return None
    try:
        found = _sources[filename] = Source(filename, lines, namespace)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return found


def place_of(function: FunctionType) -> Place | None:
    """Where a live function stands."""
    source = source_of(function.__code__.co_filename, function.__globals__)
    found = source.find(function.__code__) if source is not None else None
    return Place(found[0], source, found[1]) if source is not None and found is not None else None


def first_line(node: Node) -> int:
    """What Python calls the first line of a function: that of its first decorator."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def belongs_to(namespace: dict[str, Any]) -> str:
    """What a module is a part of: its top package, or the folder of one that stands alone, or of a script."""
    spec = namespace.get("__spec__")
    name = getattr(spec, "name", None) or namespace.get("__name__") or ""
    if "." in name or "__path__" in namespace:
        return f"package {name.partition('.')[0]}"
    file = namespace.get("__file__")
    return f"folder {os.path.dirname(os.path.abspath(file))}" if file else f"module {name}"


def imported(node: ast.Import | ast.ImportFrom, name: str, namespace: dict[str, Any]) -> tuple[str, str]:
    """The module and the name in it ("" for the module itself) that an import statement binds `name` to."""
    for alias in node.names:
        if (alias.asname or alias.name.partition(".")[0]) != name:
            continue
        if isinstance(node, ast.Import):
            return (alias.name if alias.asname else name), ""
        module = "." * node.level + (node.module or "")
        if node.level:
            module = importlib.util.resolve_name(module, namespace.get("__package__") or "_")
        inner = f"{module}.{alias.name}"
        return (inner, "") if inner in sys.modules else (module, alias.name)
    return "", ""


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a statement binds at its own level."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]
