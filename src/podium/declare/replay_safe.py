"""Refuses, at declaration, what would give a workflow's body another value on every resume.

It reads the source of the workflow and of what it calls of its own package: clocks, chance, addresses, the
order of sets. Tasks are left out, for what they return is recorded. It is a reading and no proof: what it
misses shows as a mismatch (E204) when the run is resumed.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import random
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from ..errors import NotReplaySafe
from ..lines import line_of
from .callables import Durable
from .scopes import UNKNOWN, Dotted, Names, StaticClass, bindings, constructors
from .sets import is_set
from .sources import MARK, Place, belongs_to, place_of
from .unrepeatable import (
    clock_of,
    instead_of,
    instead_of_call,
    instead_of_value,
    name_of_attribute,
    name_of_value,
)

_ORDERING = frozenset({"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "dict"})
_ORDERLESS = frozenset({"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "bool"})
_SHARED = (
    asyncio.Lock,
    asyncio.Event,
    asyncio.Condition,
    asyncio.Semaphore,
    asyncio.Barrier,
    asyncio.Queue,
    asyncio.Future,
)
_CHANCE = "make one in the body: podium.random()"
_TAKES_STEP = ("podium.on_failure", "podium.declare.decorators.on_failure")  # as its first argument
_LOCAL = "count in a local variable, or in a task, whose result is recorded"
_SORT = "put it in order: sorted(...), or dict.fromkeys(...) instead of a set"


class Finding(NamedTuple):
    """One place in the source."""

    line: str
    what: str
    instead: str


def own_code(fn: Callable[..., Any]) -> list[Place]:
    """The functions of its own package that a workflow reaches, itself first; empty without a source.

    Raises NotReplaySafe if one of them reads what is other on every resume.
    """
    root: Any = fn
    while isinstance(root, functools.partial) or hasattr(root, "__wrapped__"):
        root = root.func if isinstance(root, functools.partial) else root.__wrapped__
    if not isinstance(root, FunctionType):
        return []
    walk = _Walk(belongs_to(root.__globals__))
    walk.reach(fn)
    walk.run()
    label = getattr(root, "__qualname__", "a workflow")
    if walk.found:
        first, *others = walk.found
        more = f" (also {', '.join(f'{each.what} in {each.line}' for each in others[:3])})" if others else ""
        raise NotReplaySafe(
            f"{first.line}: {first.what} in the workflow {label} gives something else on every resume{more}",
            fix=f"{first.instead}; or mark the line `# {MARK}` if nothing depends on it",
        )
    return walk.read


class _Walk:
    """The functions to read, and what was found in them."""

    def __init__(self, home: str) -> None:
        self.found: list[Finding] = []
        self.read: list[Place] = []
        self._home = home
        self._queue: list[Place] = []
        self._seen: set[int] = set()  # ids of definitions, which the sources keep

    def reach(self, value: Any) -> None:
        """Something that the body calls: to be read as well, if it is code of this package."""
        while value is not None:
            if isinstance(value, Place):
                self._add(value)
                return
            if isinstance(value, (functools.partial, MethodType)):
                value = value.func if isinstance(value, functools.partial) else value.__func__
                continue
            if isinstance(value, FunctionType) and belongs_to(value.__globals__) == self._home:
                place = place_of(value)
                if place is not None:
                    self._add(place)
            value = getattr(value, "__wrapped__", None) if _is_wrapper(value) else None

    def _add(self, place: Place) -> None:
        if id(place.node) not in self._seen:
            self._seen.add(id(place.node))
            self._queue.append(place)

    def run(self) -> None:
        """Read them all."""
        while self._queue:
            place = self._queue.pop(0)
            self.read.append(place)
            _Reader(self, place).read()

    def note(self, place: Place, node: ast.AST, what: str, instead: str) -> None:
        """Remember a finding, unless its line is marked."""
        if not place.source.is_marked(node):
            line = line_of(place.source.filename, getattr(node, "lineno", 1))
            self.found.append(Finding(line, what, instead))


def _is_wrapper(value: Any) -> bool:
    return isinstance(value, (FunctionType, type(functools.lru_cache(len))))


class _Reader(ast.NodeVisitor):
    """Reads one function, with those that are written in it."""

    def __init__(self, walk: _Walk, place: Place) -> None:
        self._walk, self._place = walk, place
        self._names = Names(place)
        self._orderless: set[ast.AST] = set()

    def read(self) -> None:
        self._function(self._place.node)

    def _note(self, node: ast.AST, what: str, instead: str) -> None:
        self._walk.note(self._place, node, what, instead)

    # -- scopes ---------------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        self._names.scopes.append(bindings(node))
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(statement)
        self._names.scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def _comprehension(self, node: Any) -> None:
        self._names.scopes.append(bindings(node))
        ordered = not isinstance(node, ast.SetComp) and node not in self._orderless
        for generator in node.generators:
            if ordered or _asks(node):
                self._iterates(generator.iter)
        self.generic_visit(node)
        self._names.scopes.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit_of(node.target, node.value)  # annotations of locals are never evaluated

    def generic_visit_of(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # -- names ----------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            return
        value = self._names.meaning(node)
        bound = self._names.binding(node.id)
        if value is UNKNOWN or (bound and not isinstance(bound[0], (ast.Import, ast.ImportFrom))):
            return  # what it was bound to has been looked at where it was
        name, instead = _instead(value)
        if instead:
            self._note(node, _spelled(node, name), instead)
        elif isinstance(value, _SHARED):
            kind: str = type(value).__name__  # pyright: ignore[reportUnknownArgumentType]  # a queue of anything
            what = f"{node.id}, one asyncio.{kind} for all runs,"
            self._note(node, what, "make it in the body, and hand it on as an argument")
        elif isinstance(value, random.Random):
            self._note(node, f"{node.id}, one generator for all runs,", _CHANCE)
        else:
            self._walk.reach(value)
            self._made_at_import(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        owner = self._names.meaning(node.value)
        if owner is UNKNOWN:
            return
        if isinstance(owner, Dotted):
            name = f"{owner.name}.{node.attr}"
        else:
            name = name_of_attribute(owner, node.attr)
        value = self._names.meaning(node)
        instead = instead_of(name) or clock_of(owner, node.attr)
        if not instead and value is not UNKNOWN:
            name, instead = instead_of_value(value)
        if instead:
            self._note(node, _spelled(node, name), instead)
        elif isinstance(owner, Durable) and node.attr == "fn":
            self._walk.reach(owner.fn)
        elif value is not UNKNOWN:
            self._walk.reach(value)

    def _made_at_import(self, node: ast.Name) -> None:
        """A global that a clock or chance gave its value when the module was imported."""
        source = self._place.source
        statement = source.top.get(node.id)
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
            return
        module = Names(self._place)
        for each in ast.walk(statement.value):
            if isinstance(each, (ast.Lambda, ast.GeneratorExp)):
                return
            if isinstance(each, (ast.Name, ast.Attribute)):
                name, instead = instead_of_value(module.meaning(each))
                if instead and not source.is_marked(statement):
                    what = f"{node.id}, which {name}() sets at import (line {each.lineno}),"
                    self._note(node, what, "pass it as an argument, or make it in a task")
                    return

    # -- calls ----------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        called = self._names.meaning(node.func)
        name = called.name if isinstance(called, Dotted) else name_of_value(called)
        given = len(node.args) + len(node.keywords)
        if instead := instead_of_call(name, given):
            self._note(node, f"{_spelled(node.func, name)}()", instead)
        if isinstance(called, (type, StaticClass)):
            for each in constructors(called):
                self._constructs(node, each)
        self._orders(node, name.removeprefix("builtins."))
        if name in _TAKES_STEP and node.args and isinstance(node.args[0], (ast.Name, ast.Attribute)):
            # Called as a step, whose outcome is recorded, and not by the body.
            self.generic_visit_of(*node.args[1:], *node.keywords)
            return
        self.generic_visit(node)

    def _constructs(self, node: ast.Call, factory: Any) -> None:
        if isinstance(factory, ast.expr):  # of a class below, as it is written there
            if isinstance(factory, ast.Lambda):
                factory = next((n for n in ast.walk(factory.body) if isinstance(n, ast.Call)), factory.body)
            factory = self._names.meaning(factory.func if isinstance(factory, ast.Call) else factory)
        name, instead = instead_of_value(factory)
        if instead:
            self._note(node, f"a field that {name}() fills", f"give it a value here: {instead}")
        elif factory is not UNKNOWN:
            self._walk.reach(factory)

    # -- order ----------------------------------------------------------------------------------------

    def _iterates(self, node: ast.expr) -> None:
        if is_set(node, self._names):
            self._note(node, "the order of a set", _SORT)

    def _orders(self, node: ast.Call, name: str) -> None:
        if name in _ORDERLESS or (name in ("list", "tuple") and node in self._orderless):
            self._orderless.update(node.args)
        elif name in _ORDERING:
            for each in node.args:
                self._iterates(each)
        elif isinstance(node.func, ast.Attribute):
            if node.func.attr in ("join", "extend", "fromkeys", "map"):
                for each in node.args[:1]:
                    self._iterates(each)
            elif node.func.attr == "pop" and not node.args:
                self._iterates(node.func.value)

    def visit_For(self, node: ast.For) -> None:
        self._iterates(node.iter)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        if isinstance(node.ctx, ast.Load) and node not in self._orderless:
            self._iterates(node.value)
        self.generic_visit(node)

    def visit_Set(self, node: ast.Set) -> None:
        self._orderless.update(node.elts)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets):
            self._iterates(node.value)
        read = {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in read:
                self._counts(target)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._counts(node.target)
        self.generic_visit(node)

    def _counts(self, node: ast.Name) -> None:
        """A name goes on from its former value; that of a global is of other runs, or an earlier replay."""
        if not self._names.binding(node.id) and node.id in self._place.source.top:
            self._note(node, f"{node.id}, a global that goes on from its former value,", _LOCAL)


def _asks(node: ast.AST) -> bool:
    """Whether the members of a comprehension may ask for steps, whose order is on record."""
    return any(isinstance(each, (ast.Await, ast.Call)) for each in ast.walk(getattr(node, "elt", node)))


def _spelled(node: ast.expr, name: str) -> str:
    """As it is written, and what that is where it is not plain."""
    written = ast.unparse(node)
    return written if not name or name.endswith(written) or written.endswith(name) else f"{written} ({name})"


def _instead(value: Any) -> tuple[str, str]:
    return (value.name, instead_of(value.name)) if isinstance(value, Dotted) else instead_of_value(value)
