"""No class is a room of its own: at most twenty methods beside those of an interface of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.tidy.source import Source, sources

METHODS_MAX = 20


def methods(node: ast.ClassDef) -> set[str]:
    """Their names; properties count, an overloaded one counts once."""
    return {child.name for child in node.body if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))}


def is_declared(node: ast.ClassDef) -> bool:
    """Data and interfaces: what stands there is named by others' protocols, one line each."""
    bases = {ast.unparse(base) for base in node.bases}
    return bool(bases & {"Protocol", "msgspec.Struct", "NamedTuple", "Enum"})


def large(source: Source, interfaces: Mapping[str, set[str]]) -> Iterator[tuple[str, int]]:
    """Classes with more methods of their own: what an interface asks for that they name as a base is not."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef) or is_declared(node):
            continue
        asked = {name for base in node.bases for name in interfaces.get(ast.unparse(base), ())}
        own = len(methods(node) - asked)
        if own > METHODS_MAX:
            yield f"{source.path}:{node.name}", own


def interfaces(files: Iterable[Source]) -> dict[str, set[str]]:
    """The protocols of the package, each with its methods and those of the protocols that it is made of."""
    found = (node for source in files for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))
    declared = {node.name: node for node in found if "Protocol" in map(ast.unparse, node.bases)}

    def whole(node: ast.ClassDef) -> set[str]:
        parts = (declared[name] for name in map(ast.unparse, node.bases) if name in declared)
        return methods(node).union(*map(whole, parts))

    return {name: whole(node) for name, node in declared.items()}


def test_no_class_has_more_than_twenty_methods() -> None:
    files = list(sources())
    known = interfaces(files)
    assert not [pair for source in files for pair in large(source, known)], "split it"


@pytest.mark.parametrize(
    ("base", "is_seen"),
    [("", True), ("(Base)", True), ("(Protocol)", False), ("(Asked)", False), ("(AsksMore)", False)],
)
def test_a_large_class_is_seen(base: str, is_seen: bool) -> None:
    body = "\n".join(f"    def m{n}(self): ..." for n in range(METHODS_MAX + 1))
    asked = "class Asked(Protocol):\n    def m0(self): ...\n\n\nclass AsksMore(Asked, Protocol): ...\n"
    text = f"{asked}\n\nclass Large{base}:\n{body}\n"
    source = Source("src/podium/wrong.py", text)
    assert bool(list(large(source, interfaces([source])))) is is_seen
