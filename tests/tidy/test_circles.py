"""No file of the package leads back to itself by imports, those for types alone included."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.tidy.source import Source, sources


def module_of(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_of(source: Source, known: Mapping[str, Source]) -> Iterator[str]:
    """The modules of ours that this one imports, at run time or for a type."""
    here = module_of(source.path).split(".")
    package = here if source.path.endswith("__init__.py") else here[:-1]
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) - node.level + 1] if node.level else []
        origin = ".".join([*base, *(node.module.split(".") if node.module else [])])
        for alias in node.names:
            whole = f"{origin}.{alias.name}"
            yield whole if whole in known else origin


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan's algorithm)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in graph[module]:
            if other not in number:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            start = stack.index(module)
            if len(stack) - start > 1:
                found.append(sorted(stack[start:]))
            del stack[start:]

    for module in graph:
        if module not in number:
            visit(module)
    return found


def graph_of(files: Iterable[Source]) -> dict[str, list[str]]:
    """Who imports whom."""
    known = {module_of(source.path): source for source in files}
    return {
        name: sorted({other for other in imports_of(source, known) if other in known and other != name})
        for name, source in known.items()
    }


def test_no_circle_is_left() -> None:
    assert circles(graph_of(sources())) == []


def wrong(path: str, text: str) -> Source:
    return Source(path, text)


@pytest.mark.parametrize(
    ("first", "second", "is_circle"),
    [
        ("from .b import B", "from .a import A", True),
        ("from .b import B", "if TYPE_CHECKING:\n    from .a import A", True),
        ("from .b import B", "from podium.x.a import A", True),
        ("from .b import B", "from . import a", True),
        ("from .b import B", "from ..y import a", False),
        ("from .b import B", "import a", False),
    ],
)
def test_a_circle_is_seen(first: str, second: str, is_circle: bool) -> None:
    files = [wrong("src/podium/x/a.py", first), wrong("src/podium/x/b.py", second)]
    assert bool(circles(graph_of(files))) is is_circle
