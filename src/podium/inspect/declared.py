"""What a file of Python declares as tasks and workflows, read and not run."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..modules import name_of_file

_VERBS = frozenset({"task", "workflow"})
_FILES_MAX = 5000  # looked into in one project
_BYTES_MAX = 1 << 20  # of a file; what is larger was generated
_NOT_THEIRS = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})


class Declared(NamedTuple):
    """One file's tasks and workflows."""

    functions: dict[str, bool]  # by name, "module:qualname" or what name= says; whether it is a workflow
    qualnames: frozenset[str]  # of every function in it, declared or not
    words: frozenset[str]  # all names that it mentions


def declared_in(file: Path) -> Declared | None:
    """None for what cannot be read, or is no Python."""
    try:
        return _read(file, file.stat().st_mtime_ns)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def files_with(folder: Path, text: str) -> Iterator[Path]:
    """The files of a project that hold a piece of text: no hidden folders, nothing that is installed."""
    wanted = text.encode()
    looked_at = 0
    for above, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_theirs(above, name))
        for name in sorted(files):
            if not name.endswith(".py"):
                continue
            looked_at += 1
            if looked_at > _FILES_MAX:
                return
            file = Path(above, name)
            try:
                if file.stat().st_size <= _BYTES_MAX and wanted in file.read_bytes():
                    yield file
            except OSError:
                continue


def _is_theirs(above: str, name: str) -> bool:
    return not (
        name.startswith(".") or name in _NOT_THEIRS or os.path.exists(os.path.join(above, name, "pyvenv.cfg"))
    )


@functools.lru_cache(maxsize=256)
def _read(file: Path, _: int) -> Declared:
    tree = ast.parse(file.read_bytes(), str(file))
    reader = _Reader(name_of_file(file))
    reader.visit(tree)
    return Declared(reader.functions, frozenset(reader.qualnames), frozenset(reader.words))


class _Reader(ast.NodeVisitor):
    def __init__(self, module: str) -> None:
        self.functions: dict[str, bool] = {}
        self.qualnames: set[str] = set()
        self.words: set[str] = set()
        self._module = module
        self._inside: list[str] = []  # classes and functions around
        self._means: dict[str, str] = {}  # names that an import gives to `task` and `workflow`

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.words.add(alias.name)
            if alias.name in _VERBS:
                self._means[alias.asname or alias.name] = alias.name

    def visit_Name(self, node: ast.Name) -> None:
        self.words.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.words.add(node.attr)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        """`again = workflow(report.fn, name="report-again")`"""
        verb, name = self._verb(node), _told_name(node)
        if verb and name:
            self.functions[name] = verb == "workflow"
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node.name, node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.words.add(node.name)
        qualname = ".".join([*self._inside, node.name])
        self.qualnames.add(qualname)
        for decorator in node.decorator_list:
            verb = self._verb(decorator)
            if verb:
                name = _told_name(decorator) or f"{self._module}:{qualname}"
                self.functions[name] = verb == "workflow"
        self._within(f"{node.name}.<locals>", node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def _within(self, name: str, node: ast.AST) -> None:
        self._inside.append(name)
        self.generic_visit(node)
        self._inside.pop()

    def _verb(self, node: ast.expr) -> str:
        """Which of the two a decorator, or a call, is of; "" for anything else."""
        called = node.func if isinstance(node, ast.Call) else node
        if isinstance(called, ast.Attribute):
            return called.attr if called.attr in _VERBS else ""
        return self._means.get(called.id, "") if isinstance(called, ast.Name) else ""


def _told_name(node: ast.expr) -> str:
    """What `name=` says."""
    for keyword in node.keywords if isinstance(node, ast.Call) else ():
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
            return keyword.value.value if isinstance(keyword.value.value, str) else ""
    return ""
