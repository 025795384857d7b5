"""A public docstring says what is raised and has an example, and the example comes out as it says."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import podium
from podium import App, Client, Found, Run, Runs, Waiting, task, workflow
from podium.declare import Durable
from tests.server.conftest import serving
from tests.tidy.sampled import failures, in_a_task

IN_A_TASK = (
    "attempt",
    "fencing_token",
    "idempotency_key",
    "last_progress",
    "progress",
    "scheduled_for",
    "this",
)


def public() -> Iterator[tuple[str, str]]:
    """Names and docstrings of what users call: functions, classes, and the methods of what these give."""
    for name in podium.__all__:
        value = getattr(podium, name)
        if not (inspect.isclass(value) and issubclass(value, BaseException)):
            yield name, inspect.getdoc(value) or ""
    for kind in (Client, Found, Run, Runs, Waiting, Durable):
        for name, member in vars(kind).items():
            if not name.startswith("_") and name not in ("fn", "name"):
                yield f"{kind.__name__}.{name}", inspect.getdoc(member) or ""


PUBLIC = dict(public())


@pytest.fixture
def app(project: Path) -> Iterator[App]:
    with App(project / "podium.db") as app:
        yield app


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_docstring_has_an_example_that_comes_out_as_it_says(
    app: App, project: Path, name: str
) -> None:
    doc = PUBLIC[name]
    assert ">>> " in doc, f"{name}: what it is, shapes, units, errors raised, an example"
    if name in IN_A_TASK:
        said = in_a_task.run(name)
    else:
        given: dict[str, Any] = {
            "App": App, "Options": podium.Options, "Retry": podium.Retry, "asyncio": asyncio, "json": json,
            "task": task, "workflow": workflow,
        }  # fmt: skip
        if name.startswith("Client"):
            with serving(app, project) as given["server"]:
                said = failures(name, doc, given)
        else:
            said = failures(name, doc, given)
    assert not said, "\n".join(said)
