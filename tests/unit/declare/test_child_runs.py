"""A workflow that calls another one is refused when it is declared, where the source shows it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from podium.errors import UsageError
from podium.functions import registry

DECLARES = "from podium import task, workflow\nimport asyncio\n"
ONE = "\n@workflow\ndef one(n: int) -> int:\n    return n\n"
CALLER = "\n@workflow\n{}def all_of(n: int):\n    return {}\n"


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    before = dict(registry)
    monkeypatch.syspath_prepend(tmp_path)

    def declared(text: str) -> ModuleType:
        (tmp_path / "family.py").write_text(text)
        return importlib.import_module("family")

    yield declared
    sys.modules.pop("family", None)
    registry.clear()
    registry.update(before)


@pytest.mark.parametrize(
    "call",
    [
        "[one(k) for k in range(n)]",
        "one.run(n)",
        "one.start(n).result()",
        "list(one.map(range(n)))",
        "one.options(id='a').start(n)",
        "helper(n)",
    ],
)
@pytest.mark.parametrize("order", ["above", "below"])
def test_a_call_of_another_workflow_is_refused_with_the_line(
    declared: Callable[[str], ModuleType], call: str, order: str
) -> None:
    helper = "\ndef helper(n):\n    return one(n)\n"
    caller = CALLER.format("", call)
    text = DECLARES + helper + (ONE + caller if order == "above" else caller + ONE)
    with pytest.raises(UsageError, match="child runs are not there yet") as caught:
        declared(text)
    shown = "return one(n)" if call == "helper(n)" else call
    line = next(n for n, each in enumerate(text.splitlines(), 1) if shown in each)
    said = f"family.py:{line}: one is a workflow, called in the body of the workflow all_of"
    assert said in str(caught.value)
    assert caught.value.code == "E100"
    assert "one.fn(...)" in caught.value.fix


def test_a_workflow_that_calls_itself_is_refused(declared: Callable[[str], ModuleType]) -> None:
    with pytest.raises(UsageError, match="all_of is a workflow, called in the body of the workflow all_of"):
        declared(DECLARES + CALLER.format("", "all_of(n - 1) if n else 0"))


def test_an_awaited_call_is_refused(declared: Callable[[str], ModuleType]) -> None:
    one = ONE.replace("def", "async def")
    with pytest.raises(UsageError, match="child runs"):
        declared(DECLARES + one + CALLER.format("async ", "await asyncio.gather(one(1), one(2))"))


@pytest.mark.parametrize(
    "call", ["one.fn(n)", "step(n)", "step.map(range(n))", "one.name", "[one for one in range(n)]"]
)
def test_what_starts_no_other_run_is_let_through(declared: Callable[[str], ModuleType], call: str) -> None:
    step = "\n@task\ndef step(n: int) -> int:\n    return one(n)\n"  # a task may start runs
    assert declared(DECLARES + ONE + step + CALLER.format("", call)).all_of.name.endswith("family:all_of")
