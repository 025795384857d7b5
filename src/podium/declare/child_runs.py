"""Calls of other workflows in a workflow's body: there are no child runs yet, so they are refused, where the
source shows them when the workflow is declared."""

from __future__ import annotations

import ast

from .callables import Workflow
from .scopes import UNKNOWN, Names
from .unrepeatable import attribute

_VERBS = frozenset({"run", "start", "map", "start_many"})


def workflow_called(call: ast.Call, names: Names) -> str:
    """The workflow that a call would start, as it is written; "" for any other call."""
    called = call.func
    if isinstance(called, ast.Attribute) and called.attr in _VERBS:
        called = called.value
    if isinstance(called, ast.Call) and isinstance(called.func, ast.Attribute):
        called = called.func.value if called.func.attr == "options" else called
    meant = names.meaning(called)
    if isinstance(meant, Workflow) or (meant is UNKNOWN and _is_declared_below(called, names)):
        return ast.unparse(called)
    return ""


def _is_declared_below(called: ast.expr, names: Names) -> bool:
    """Whether it is a workflow that comes after this one in the file, or this one itself."""
    if not isinstance(called, ast.Name) or names.binding(called.id):
        return False
    static = names.place.source.top.get(called.id)
    if not isinstance(static, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return any(
        _is_ours(names.meaning(each.func if isinstance(each, ast.Call) else each))
        for each in static.decorator_list
    )


def _is_ours(decorator: object) -> bool:
    """Whether it is `podium.workflow`."""
    return (attribute(decorator, "__module__"), attribute(decorator, "__name__")) == (
        f"{__package__}.decorators",
        "workflow",
    )
