"""Which expressions are visibly sets whose order differs between two processes.

Text hashes differently in every process. Numbers do not, and neither do the tasks and futures of a workflow
(they hash by creation number), so sets of those are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import FunctionType
from typing import Any, cast

from .callables import Durable
from .scopes import Names, Parameter, bindings
from .sources import Place, belongs_to, place_of

_COMBINED = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_FUTURES = frozenset({"create_task", "ensure_future", "create_future", "shield"})
_WAITS = frozenset({"wait", "gather", "as_completed"})  # what is handed to them are futures
_CALLS_MAX = 4  # a function that returns what another returns
_QUIET = ("Task", "Future", "int", "bool")  # in an annotation: what such a set holds has an order


def is_set(node: ast.expr, names: Names) -> bool:
    """Whether this is visibly a set in no order that lasts."""
    if isinstance(node, ast.Set):
        return not all(_is_quiet(each, names) for each in node.elts)
    if isinstance(node, ast.SetComp):
        return not _is_quiet(node.elt, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, _COMBINED):
        return is_set(node.left, names) or is_set(node.right, names)
    if isinstance(node, ast.Call):
        return _is_made(node, names)
    if isinstance(node, ast.Await):
        return is_set(node.value, names)
    if isinstance(node, ast.Name):
        return _is_named(node, names)
    return False


def _is_made(node: ast.Call, names: Names) -> bool:
    if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
        return is_set(node.func.value, names)
    if _gives_set(names.meaning(node.func), names):
        return True
    if not _is_one_of(names.meaning(node.func), set, frozenset) or not node.args:
        return False  # an empty one: what is added to it counts
    given = node.args[0]
    if isinstance(given, (ast.List, ast.Tuple, ast.Set)):
        return not all(_is_quiet(each, names) for each in given.elts)
    if isinstance(given, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
        return not _is_quiet(given.elt, names)
    return names.meaning(given.func) is not range if isinstance(given, ast.Call) else True


def _gives_set(called: Any, names: Names) -> bool:
    """Whether a function or a task of this package says that it returns a set, or visibly does."""
    function = called.fn if isinstance(called, Durable) else called
    if isinstance(function, FunctionType):
        ours = belongs_to(function.__globals__) == belongs_to(names.place.source.namespace)
        function = place_of(function) if ours else None
    if not isinstance(function, Place) or isinstance(function.node, ast.Lambda):
        return False
    if function.node.returns is not None:
        return _says_set(function.node.returns)
    inside = Names(function, names.calls + 1)
    inside.scopes.append(bindings(function.node))
    values = [each.value for each in _own_returns(function.node) if each.value is not None]
    return bool(values) and inside.calls < _CALLS_MAX and all(is_set(each, inside) for each in values)


def _own_returns(node: ast.AST) -> Iterator[ast.Return]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _own_returns(child)


def _is_named(node: ast.Name, names: Names) -> bool:
    bound = names.binding(node.id)
    if not bound:
        value = names.meaning(node)
        held = cast("set[Any]", value) if isinstance(value, (set, frozenset)) else None
        return held is not None and not all(type(each) in (int, bool) for each in held)
    if any(isinstance(each, Parameter) for each in bound):
        annotation = bound[0].annotation if isinstance(bound[0], Parameter) else None
        return annotation is not None and _says_set(annotation)
    made = [each for each in bound if isinstance(each, ast.expr)]
    if len(made) < len(bound) or not made or _is_waited_for(node.id, names):
        return False
    if all(is_set(each, names) for each in made):
        return True
    return all(_is_empty(each, names) for each in made) and _gathers(node.id, names)


def _says_set(annotation: ast.expr) -> bool:
    text = ast.unparse(annotation)
    return text.startswith(("set[", "frozenset[", "Set[", "AbstractSet[")) and not any(
        word in text for word in _QUIET
    )


def _is_empty(node: ast.expr, names: Names) -> bool:
    return isinstance(node, ast.Call) and not node.args and names.meaning(node.func) is set


def _gathers(name: str, names: Names) -> bool:
    """Whether something that is no future is added to the empty set of this name; an annotation may tell."""
    for each in ast.walk(names.place.node):
        if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == name:
            return _says_set(each.annotation)
    added = [each for call in _calls_on(name, names, ("add", "update")) for each in call.args]
    return bool(added) and not any(_is_quiet(each, names) for each in added)


def _calls_on(name: str, names: Names, methods: tuple[str, ...]) -> Iterator[ast.Call]:
    for each in ast.walk(names.place.node):
        if isinstance(each, ast.Call) and isinstance(called := each.func, ast.Attribute):
            owner = called.value
            if called.attr in methods and isinstance(owner, ast.Name) and owner.id == name:
                yield each


def _is_waited_for(name: str, names: Names) -> bool:
    """Whether the set is handed to what waits for futures: then it holds those."""
    for call in ast.walk(names.place.node):
        if isinstance(call, ast.Call) and _last_name(call.func) in _WAITS:
            given = [each.value if isinstance(each, ast.Starred) else each for each in call.args]
            if any(isinstance(each, ast.Name) and each.id == name for each in given):
                return True
    return False


def _is_quiet(node: ast.expr, names: Names) -> bool:
    """Whether it is visibly a number or a future, which hash the same in every process."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float))
    if isinstance(node, ast.Name):
        bound = names.binding(node.id)
        return len(bound) == 1 and isinstance(bound[0], ast.expr) and _is_quiet(bound[0], names)
    return isinstance(node, ast.Call) and (
        _last_name(node.func) in _FUTURES or _is_one_of(names.meaning(node.func), int, len, round, ord)
    )


def _is_one_of(value: object, *these: object) -> bool:
    return any(value is each for each in these)  # not `in`, which asks the user's __eq__


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
