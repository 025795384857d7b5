"""No class is a room of its own: at most twenty methods, but for data that is declared."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.source import Source, sources

METHODS_MAX = 20

# Still open, each with its number of methods; a class that is split goes from here, and none may grow.
OPEN: dict[str, int] = {
    "src/podium/executors/children.py:Child": 36,
    "src/podium/executors/threads.py:ThreadExecutor": 21,
    "src/podium/inspect/causes.py:_Unfinished": 21,
    "src/podium/store/sqlite/connections.py:Connections": 21,
    "src/podium/store/sqlite/store.py:SqliteStore": 31,
}


def methods(node: ast.ClassDef) -> int:
    """How many there are; properties count, an overloaded one counts once."""
    names = {child.name for child in node.body if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return len(names)


def is_declared(node: ast.ClassDef) -> bool:
    """Data and interfaces: what stands there is named by others' protocols, one line each."""
    bases = {ast.unparse(base) for base in node.bases}
    return bool(bases & {"Protocol", "msgspec.Struct", "NamedTuple", "Enum"})


def large(source: Source) -> Iterator[tuple[str, int]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and not is_declared(node) and methods(node) > METHODS_MAX:
            yield f"{source.path}:{node.name}", methods(node)


def test_no_class_has_more_than_twenty_methods() -> None:
    found = dict(pair for source in sources() for pair in large(source))
    grown = {name: count for name, count in found.items() if count > OPEN.get(name, METHODS_MAX)}
    assert not grown, "split it"


@pytest.mark.parametrize(("base", "is_seen"), [("", True), ("(Base)", True), ("(Protocol)", False)])
def test_a_large_class_is_seen(base: str, is_seen: bool) -> None:
    body = "\n".join(f"    def m{n}(self): ..." for n in range(METHODS_MAX + 1))
    text = f"class Large{base}:\n{body}\n"
    assert bool(list(large(Source("src/podium/wrong.py", text, ast.parse(text))))) is is_seen
