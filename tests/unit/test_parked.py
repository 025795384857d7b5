"""What is parked below a run, and the command that is named for it."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from podium.inspect.parked import also_parked
from podium.store.families import below

PARENTS = {"top": "", "a": "top", "b": "top", "a1": "a", "a2": "a", "a3": "a", "a21": "a2", "b1": "b"}
ROWS: dict[str, Any] = {
    id: SimpleNamespace(id=id, parent=parent, root="top" if parent else "", function="app:f")
    for id, parent in PARENTS.items()
}


def store_of(parked: Collection[str]) -> Any:
    """Where these of the family are parked."""
    return SimpleNamespace(
        find=lambda query: [ROWS[id] for id in parked if query.roots == {"top"} and id != "top"],
        load_many=lambda ids: {id: ROWS[id] for id in ids if id in ROWS},
    )


@pytest.mark.parametrize(
    ("run", "parked", "found"),
    [
        ("top", ["a", "a21", "b1"], ["a", "a21", "b1"]),
        ("a", ["a", "b", "b1", "a1", "a21"], ["a1", "a21"]),
        ("a2", ["a", "a1", "a2", "a21"], ["a21"]),
        ("b1", ["a", "b", "a21", "b1"], []),
    ],
)
def test_below_a_run_is_what_comes_from_it_and_no_sibling_nor_what_is_above(
    run: str, parked: list[str], found: list[str]
) -> None:
    assert [one.id for one in below(store_of(parked), ROWS[run], [ROWS[id] for id in parked])] == found


@pytest.mark.parametrize(
    ("run", "parked", "said"),
    [
        ("top", ["a", "b", "a1", "a2"], "a (f), b (f), a1 (f) and 1 more; podium resume root:top  puts them"),
        ("a", ["b", "a1", "a2"], "a1 (f), a2 (f); podium resume a1 a2  puts them"),
        ("a", ["a1", "a2", "a3", "a21"],
         "a1 (f), a2 (f), a3 (f) and 1 more; podium resume a1 a2 a3  puts these 3"),
    ],
)  # fmt: skip
def test_the_command_that_is_named_takes_all_that_it_speaks_of(
    run: str, parked: list[str], said: str
) -> None:
    assert also_parked(store_of(parked), ROWS[run]) == f"also parked, below it: {said} back in line"
