"""What a value is on the other side of a call: what it was here."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from podium import App, task, workflow

ROW = {"name": "Ada", "city": "Oslo", "age": 36, "tags": {"z": 1, "a": {3: "c", 1: "a"}}}


def order(value: Any) -> Any:
    """The keys of all dicts in a value, as they come."""
    if isinstance(value, dict):
        return [(key, order(item)) for key, item in value.items()]
    return [order(item) for item in value] if isinstance(value, list) else None


@task
def keys(row: dict[str, Any]) -> str:
    return repr(order(row))


@task
async def keys_later(row: dict[str, Any]) -> str:
    return repr(order(row))


@task(isolation="process")
def keys_apart(row: dict[str, Any]) -> str:
    return repr(order(row))


@task
def named(**columns: Any) -> str:
    return repr(order(columns))


@task
def header(rows: list[dict[str, Any]], counts: Counter[str]) -> str:
    return f"{','.join(rows[0])} {''.join(counts)}"


@workflow
async def everywhere(row: dict[str, Any]) -> list[str]:
    mapped = await keys_later.map([row])
    return [repr(order(row)), keys(row), await keys_later(row), *mapped, keys_apart(row), named(**row)]


@workflow
def in_a_row(row: dict[str, Any]) -> dict[str, Any]:
    return row


@workflow
def writes(rows: list[dict[str, Any]]) -> str:
    return header(rows, Counter("mississippi"))


def test_dicts_arrive_in_the_order_they_were_given(app: App) -> None:
    assert set(everywhere.run(ROW)) == {repr(order(ROW))}
    assert repr(order(in_a_row.run(ROW))) == repr(order(ROW))
    assert writes.run([ROW]) == "name,city,age,tags misp"


@pytest.mark.parametrize("declared", [keys, named], ids=["a dict", "keywords"])
def test_so_do_those_of_a_task_that_is_a_run_of_its_own(app: App, declared: Any) -> None:
    started = declared.start(ROW) if declared is keys else declared.start(**ROW)
    assert started.result() == repr(order(ROW))
    assert list(keys.map([ROW, ROW])) == [repr(order(ROW))] * 2
