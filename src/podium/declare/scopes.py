"""What a name in a function's source stands for, as far as it can be told without running anything.

A name that the function binds itself is never taken for a global one, so a local variable called `time`
is no clock. What is bound twice, or by a loop, is unknown.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, cast

from .sources import Klass, Node, Place, Source, imported
from .unrepeatable import attribute

UNKNOWN = object()
_MISSING = object()
_DEPTH_MAX = 8  # of names that stand for names
_HARMLESS = ("builtins", "functools", "contextlib", "typing", "abc")  # decorators that leave a function one


class Dotted(NamedTuple):
    """Something of a module that is not imported yet."""

    name: str


class StaticClass(NamedTuple):
    """A class that is not there yet: the one that is being defined, or one below."""

    node: Klass
    source: Source


class InstanceOf(NamedTuple):
    """Something made of this class."""

    kind: type | StaticClass


class Parameter(NamedTuple):
    """A function's parameter."""

    annotation: ast.expr | None


Binding = ast.expr | Parameter | Node | ast.Import | ast.ImportFrom | None  # None: a loop, a tuple, ...
Scope = dict[str, list[Binding]]


class Names:
    """The names of one function: its own scopes, innermost last, and its module's."""

    def __init__(self, place: Place, calls: int = 0) -> None:
        """`calls`: how many calls away from the function that is read."""
        self.place, self.calls = place, calls
        self.scopes: list[Scope] = []

    def binding(self, name: str) -> list[Binding]:
        """How the function itself binds this name; empty if it is not its own."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return []

    def meaning(self, node: ast.expr, depth: int = 0) -> Any:
        """What an expression stands for, or UNKNOWN."""
        if depth > _DEPTH_MAX:
            return UNKNOWN
        if isinstance(node, ast.Name):
            return _looked_into(self._name(node.id, depth))
        if isinstance(node, ast.Attribute):
            return _looked_into(self._attribute(self.meaning(node.value, depth + 1), node.attr))
        if isinstance(node, ast.Call):
            called = self.meaning(node.func, depth + 1)
            return InstanceOf(called) if isinstance(called, (type, StaticClass)) else UNKNOWN
        return UNKNOWN

    def _name(self, name: str, depth: int) -> Any:
        bindings = self.binding(name)
        if bindings:
            return self._bound(name, bindings[0], depth) if len(bindings) == 1 else UNKNOWN
        return self._global(name)

    def _bound(self, name: str, binding: Binding, depth: int) -> Any:
        if isinstance(binding, (ast.Import, ast.ImportFrom)):
            return self._imported(binding, name)
        if isinstance(binding, Parameter):
            if self.place.owner is not None and name == _first_parameter(self.place.node):
                return InstanceOf(StaticClass(self.place.owner, self.place.source))
            kind = self.meaning(binding.annotation, depth + 1) if binding.annotation is not None else None
            return InstanceOf(kind) if isinstance(kind, (type, StaticClass)) else UNKNOWN
        if isinstance(binding, ast.expr) and not isinstance(binding, ast.Lambda):
            return self.meaning(binding, depth + 1)
        return UNKNOWN  # a function in the function: its code is walked where it stands

    def _imported(self, node: ast.Import | ast.ImportFrom, name: str) -> Any:
        module, inner = imported(node, name, self.place.source.namespace)
        loaded = sys.modules.get(module)
        if loaded is None:
            return Dotted(f"{module}.{inner}" if inner else module)
        return vars(loaded).get(inner, UNKNOWN) if inner else loaded

    def _global(self, name: str) -> Any:
        source = self.place.source
        live, static = source.namespace.get(name, _MISSING), source.top.get(name)
        if isinstance(static, (ast.FunctionDef, ast.AsyncFunctionDef)) and self._is_below(static, live):
            return Place(static, source) if self.is_plain(static) else UNKNOWN
        if live is not _MISSING:
            return live
        if isinstance(static, ast.ClassDef):
            return StaticClass(static, source)
        if isinstance(static, (ast.Import, ast.ImportFrom)):
            return self._imported(static, name)
        return getattr(builtins, name, UNKNOWN) if static is None else UNKNOWN

    def _is_below(self, static: ast.stmt, live: Any) -> bool:
        """Whether a function comes after this one in the file: what there is of it is of an earlier load."""
        if live is _MISSING:
            return True
        here = static.lineno > self.place.node.lineno
        return here and isinstance(live, FunctionType) and live.__globals__ is self.place.source.namespace

    def is_plain(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Whether a function stays one: no decorator makes a task, or who knows what, of it."""
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            meant = self.meaning(called)
            if isinstance(meant, functools.partial) or attribute(meant, "__module__") not in _HARMLESS:
                return False
        return True

    def _attribute(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Dotted):
            return Dotted(f"{owner.name}.{name}")
        if isinstance(owner, ModuleType):
            if name in vars(owner):
                return vars(owner)[name]
            inner = f"{owner.__name__}.{name}"  # imported when it is first asked for, as numpy does its parts
            return sys.modules.get(inner, Dotted(inner))
        if isinstance(owner, StaticClass):
            return self._member(owner, name)
        if isinstance(owner, InstanceOf):
            kind = owner.kind
            return self._member(kind, name) if isinstance(kind, StaticClass) else _static(kind, name)
        return _static(owner, name) if owner is not UNKNOWN else UNKNOWN

    def _member(self, kind: StaticClass, name: str) -> Any:
        for statement in kind.node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == name:
                return Place(statement, kind.source, kind.node) if self.is_plain(statement) else UNKNOWN
        for base in kind.node.bases:
            inherited = self._attribute(self.meaning(base), name)
            if inherited is not UNKNOWN:
                return inherited
        return UNKNOWN


def _looked_into(value: Any) -> Any:
    """The value, unless it is a proxy that raises when one asks what it is: UNKNOWN."""
    try:
        isinstance(value, Dotted)
    except Exception:
        return UNKNOWN
    return value


def _static(owner: Any, name: str) -> Any:
    """An attribute without running anybody's code; a method as its function."""
    found = inspect.getattr_static(owner, name, UNKNOWN)
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of anything
    if isinstance(found, property):
        return found.fget
    if isinstance(found, functools.cached_property):
        return found.func  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of anything
    return found


def _first_parameter(node: Node) -> str:
    arguments = (*node.args.posonlyargs, *node.args.args)
    return arguments[0].arg if arguments else ""


def constructors(kind: type | StaticClass) -> Iterator[Any]:
    """What runs when something is made of a class: functions of its own, factories of its fields."""
    if isinstance(kind, StaticClass):
        for statement in kind.node.body:
            if isinstance(statement, ast.FunctionDef) and statement.name in ("__init__", "__post_init__"):
                yield Place(statement, kind.source, kind.node)
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Call):
                yield from (word.value for word in statement.value.keywords if "factory" in (word.arg or ""))
        return
    for name in ("__new__", "__init__", "__post_init__"):
        found = inspect.getattr_static(kind, name, None)
        yield found.__func__ if isinstance(found, staticmethod) else found  # pyright: ignore[reportUnknownMemberType]  # of anything
    for fields in ("__dataclass_fields__", "model_fields"):
        found = inspect.getattr_static(kind, fields, None)
        if isinstance(found, dict):
            described = cast("dict[str, Any]", found)
            yield from (getattr(each, "default_factory", None) for each in described.values())


def bindings(node: Node | ast.expr) -> Scope:
    """How a function, or a comprehension, binds the names that are its own."""
    found: Scope = {}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        arguments = node.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            found[each.arg] = [Parameter(each.annotation)]
        for each in (arguments.vararg, arguments.kwarg):
            if each is not None:
                found[each.arg] = [None]
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            _collect(statement, found)
        for each in ast.walk(node):
            if isinstance(each, (ast.Global, ast.Nonlocal)):
                for name in each.names:
                    found.pop(name, None)
        return found
    for generator in getattr(node, "generators", ()):
        _targets(generator.target, None, found)
    return found


def _collect(node: ast.AST, found: Scope) -> None:
    """Names bound by a node, however deep, but not inside of functions and classes of its own."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        found.setdefault(node.name, []).append(None if isinstance(node, ast.ClassDef) else node)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            found.setdefault(alias.asname or alias.name.partition(".")[0], []).append(node)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            _targets(target, node.value, found)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        _targets(node.target, node.value, found)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        _targets(node.target, None, found)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        _targets(node.optional_vars, None, found)
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        found.setdefault(node.name, []).append(None)
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)) or isinstance(
            child, ast.expr
        ):
            _collect(child, found)


def _targets(target: ast.expr, value: ast.expr | None, found: Scope) -> None:
    if isinstance(target, ast.Name):
        found.setdefault(target.id, []).append(value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            _targets(each, None, found)
    elif isinstance(target, ast.Starred):
        _targets(target.value, None, found)
