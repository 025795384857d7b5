"""What is loaded late says for type checkers, in each place, what it says for Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.source import ROOT, Source, sources


def for_types(source: Source) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in source.tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from (each for each in node.body if isinstance(each, (ast.Import, ast.ImportFrom)))


def calls(source: Source, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name
    ]


def faults_of_names(source: Source, modules: set[str]) -> Iterator[str]:
    """`modules`: what the package's modules are called."""
    for call in calls(source, "late.names"):
        table: dict[str, str] = ast.literal_eval(call.args[1])
        late = {(home, name) for home, names in table.items() for name in names.split()}
        typed = {
            (node.module or "", alias.name)
            for node in for_types(source)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for home, name in sorted(late ^ typed):
            yield f"{source.at(call)}: {home}.{name} is in one of the table and the imports for types alone"
        for _, name in sorted(late):
            if name in modules:
                yield f"{source.at(call)}: {name} is a module, too: have it imported from that"


def faults_of_modules(source: Source) -> Iterator[str]:
    typed: dict[str, str] = {}
    for node in for_types(source):
        origin = f"{'.' * node.level}{node.module or ''}" if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            dot = "" if not origin or origin.endswith(".") else "."
            typed[alias.asname or alias.name] = f"{origin}{dot}{alias.name}"
    late = calls(source, "late.module")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value in late:
            home = ast.literal_eval(node.value.args[1])
            if typed.get(ast.unparse(node.targets[0])) != home:
                yield f"{source.at(node)}: for types it is not {home}"


def test_late_names_are_those_that_types_know() -> None:
    faults: list[str] = []
    for source in sources():
        modules = {path.stem for path in (ROOT / source.path).parent.iterdir()}
        faults += faults_of_names(source, modules)
    assert faults == []


def test_late_modules_are_those_that_types_know() -> None:
    assert [fault for source in sources() for fault in faults_of_modules(source)] == []


_NAMES = "if TYPE_CHECKING:\n    from .a import x\n__getattr__ = late.names(__name__, {})\n"
_MODULE = "if TYPE_CHECKING:\n    from ..x import a\nelse:\n    a = late.module(globals(), '{}')\n"


@pytest.mark.parametrize(
    ("table", "is_wrong"),
    [("{'a': 'x'}", False), ("{}", True), ("{'b': 'x'}", True), ("{'a': 'x y'}", True)],
)
def test_a_table_that_says_otherwise_is_noticed(table: str, is_wrong: bool) -> None:
    source = Source("src/podium/wrong/__init__.py", _NAMES.replace("{}", table))
    assert bool(list(faults_of_names(source, {"a", "b"}))) is is_wrong


def test_a_late_name_that_is_a_module_is_noticed() -> None:
    source = Source("src/podium/wrong/__init__.py", _NAMES.replace("{}", "{'a': 'x'}"))
    assert list(faults_of_names(source, {"a", "x"}))


@pytest.mark.parametrize(("home", "is_wrong"), [("..x.a", False), (".a", True), ("..x.b", True)])
def test_a_late_module_that_is_another_one_is_noticed(home: str, is_wrong: bool) -> None:
    source = Source("src/podium/wrong/b.py", _MODULE.format(home))
    assert bool(list(faults_of_modules(source))) is is_wrong
