"""No module that nobody reaches."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.tidy.source import Source, sources

# Reached from outside the package: module -> by whom.
ENTRANCES = {
    "podium": "users",
    "podium.__main__": "python -m podium",
    "podium.cli": "the console script",
    "podium.testing": "users' tests",
    "podium.pytest_plugin": "pytest, by its entry point",
    "podium.store.contract": "the tests of every backend",
}


def module_name(source: Source) -> str:
    parts = Path(source.path).relative_to("src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: Source, modules: set[str]) -> set[str]:
    """Modules of ours that a file imports, or names in the table of its lazy `__getattr__`."""
    package = module_name(source).split(".")
    if not source.path.endswith("__init__.py"):
        package = package[:-1]
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            found |= {target} | {f"{target}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value, f"podium.{node.value.lstrip('.')}"}
    return found & modules


def test_every_module_is_reached() -> None:
    by_name = {module_name(source): source for source in sources()}
    reached = set(ENTRANCES) & set(by_name)
    waiting = list(reached)
    while waiting:
        for target in imports(by_name[waiting.pop()], set(by_name)):
            # importing a.b.c runs a and a.b as well
            parents = {".".join(target.split(".")[:n]) for n in range(1, target.count(".") + 2)}
            waiting += parents - reached
            reached |= parents
    unreached = sorted(set(by_name) - reached)
    assert not unreached, "delete it, or import it where it is needed"
