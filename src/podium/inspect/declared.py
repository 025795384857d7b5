"""What a file of Python declares as tasks and workflows, read and not run."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..modules import name_of_file
from .bodies import Bodies, Body

_VERBS = frozenset({"task", "workflow"})
_FILES_MAX = 5000  # looked into in one project
_BYTES_MAX = 1 << 20  # of a file; what is larger was generated
_NOT_THEIRS = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})


class Declared(NamedTuple):
    """One file's tasks and workflows."""

    functions: dict[str, bool]  # by name, "module:qualname" or what name= says; whether it is a workflow
    qualnames: frozenset[str]  # of every function in it, declared or not
    words: frozenset[str]  # all names that it mentions
    bodies: dict[str, Body]  # by name, as in `functions`, where the body stands in the file


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
    bodies = Bodies(tree, reader.steps, reader.aliases)
    found = {name: bodies.of(node) for name, node in reader.nodes.items()}
    return Declared(reader.functions, frozenset(reader.qualnames), frozenset(reader.words), found)


class _Reader(ast.NodeVisitor):
    def __init__(self, module: str) -> None:
        self.functions: dict[str, bool] = {}
        self.qualnames: set[str] = set()
        self.words: set[str] = set()
        self.nodes: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}  # by name, as `functions`
        self.steps: dict[str, str] = {}  # bare names of the declared, each with what its steps are known by
        self.aliases: dict[str, str] = {}  # names that an import gives, each with what it is called there
        self._defs: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self._module = module
        self._inside: list[str] = []  # classes and functions around
        self._means: dict[str, str] = {}  # names that an import gives to `task` and `workflow`

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.words.add(alias.name)
            self.aliases[alias.asname or alias.name] = alias.name
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
            self._declared_by_call(node, name)
        self.generic_visit(node)

    def _declared_by_call(self, node: ast.Call, name: str) -> None:
        for given in node.args[:1]:
            fn = given.value if isinstance(given, ast.Attribute) and given.attr == "fn" else given
            if isinstance(fn, ast.Name) and fn.id in self._defs:
                self.nodes[name] = self._defs[fn.id]

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node.name, node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.words.add(node.name)
        qualname = ".".join([*self._inside, node.name])
        self.qualnames.add(qualname)
        self._defs[qualname] = node
        for decorator in node.decorator_list:
            verb = self._verb(decorator)
            if verb:
                name = _told_name(decorator) or f"{self._module}:{qualname}"
                self.functions[name] = verb == "workflow"
                self.nodes[name] = node
                self.steps[node.name] = step_of(name)
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


def step_of(name: str) -> str:
    """What the steps of a function are known by: the last part of its name, without module and class."""
    return name.rpartition(":")[2].rpartition(".")[2]


def _told_name(node: ast.expr) -> str:
    """What `name=` says."""
    for keyword in node.keywords if isinstance(node, ast.Call) else ():
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
            return keyword.value.value if isinstance(keyword.value.value, str) else ""
    return ""
