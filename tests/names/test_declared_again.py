"""A later declaration of the same place wins: an edited cell, a reloaded module."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from podium import App
from podium.errors import DeclarationError
from podium.functions import registry

CELL = """
from podium import task, workflow

@task
def act() -> str:
    return "{0}"

@workflow
def flow() -> str:
    return act() + "{1}"
"""


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


class Session:
    """A notebook's: each cell is code of its own, in the one `__main__`."""

    def __init__(self) -> None:
        self.space: dict[str, Any] = {"__name__": "__main__"}
        self._cells = 0

    def run(self, cell: str) -> None:
        self._cells += 1
        exec(compile(cell, f"<cell {self._cells}>", "exec"), self.space)


@pytest.fixture
def session() -> Session:
    return Session()


def test_an_edited_cell_is_declared_anew_and_the_next_cell_runs_it(app: App, session: Session) -> None:
    space = session.space
    session.run(CELL.format("one", ""))
    assert space["flow"].run() == "one"
    session.run(CELL.format("two", "!"))
    session.run("result = flow.run()")
    assert space["result"] == "two!"
    session.run(f"{CELL.format('three', '')}\nresult = flow.run()")
    assert space["result"] == "three"


def test_a_reloaded_module_is_declared_anew(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "reloaded.py"
    file.write_text(CELL.format("one", ""))
    module = importlib.import_module("reloaded")
    assert module.flow.run() == "one"
    file.write_text(f"# longer than it was\n{CELL.format('two', '!')}")
    assert importlib.reload(module).flow.run() == "two!"
    file.write_text(f"# longer than it was, once more\n{CELL.format('three', '?')}")
    monkeypatch.delitem(sys.modules, "reloaded")
    assert importlib.import_module("reloaded").flow.run() == "three?"


@pytest.mark.parametrize("between", ["", "\nif True:\n    pass\n"])
def test_two_functions_of_one_name_in_one_file_are_refused(session: Session, between: str) -> None:
    with pytest.raises(DeclarationError, match=r"two functions are named '__main__@.*:act'"):
        session.run(f"{CELL.format('one', '')}{between}{CELL.format('two', '')}")


def test_two_files_that_want_one_name_are_refused(tmp_path: Path) -> None:
    def declare(file: str) -> None:
        module = ModuleType("twice")
        exec(compile("from podium import task\n@task\ndef act(): ...\n", file, "exec"), vars(module))

    declare(str(tmp_path / "a.py"))
    declare(str(tmp_path / "a.py"))
    with pytest.raises(DeclarationError, match="two functions are named 'twice:act'"):
        declare(str(tmp_path / "b.py"))
