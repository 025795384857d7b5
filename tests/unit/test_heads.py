"""A run that is created owned, as its owner needs it: what the store would say of the row that it makes."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from podium.model import Entry, Head, Kind, NewRun, head_of_new

# What a field of one record is, where the other has it under another name, or not by itself.
OF_ITS_OWN = {"entries", "root", "seed", "began"}


def told_apart() -> dict[str, Any]:
    """A value for each field of a start, no two of them alike."""
    values = {name: f"its {name}" for name in NewRun.__struct_fields__}
    first = Entry(3, Kind.RESULT, 6.0, "/inc", b"", b"1")
    numbers = {"at": 5.0, "began": 4.0, "generation": 7, "base": 1, "due": None, "rank": 8.0}
    bytes_ = {"args": b"its args", "digest": b"its digest"}
    flags = {"owned": True, "explicit_id": True, "attach": False, "act": None, "tags": ("its", "tags")}
    return {**values, **numbers, **bytes_, **flags, "copy_from": ("origin", 2), "entries": (first,)}


def test_a_head_has_what_the_start_says() -> None:
    new = NewRun(**told_apart())
    head = head_of_new(new)
    shared = set(Head.__struct_fields__) & set(NewRun.__struct_fields__) - OF_ITS_OWN
    assert len(shared) > 12
    assert {name: getattr(head, name) for name in shared} == {name: getattr(new, name) for name in shared}
    rest = {name: value for name, value in asdict(head).items() if name not in shared}
    assert rest == {
        "token": 1, "created": 5.0, "started": 5.0, "lost": 0, "entries": 3, "ours": True, "root": "its root",
        "seed": "its seed", "began": 4.0, "copied": 2, "messages": 0,
    }  # fmt: skip


def test_a_run_that_nothing_more_is_said_of_is_the_first_of_its_family() -> None:
    head = head_of_new(NewRun("r", "m:f", b"", b"", 5.0))
    assert (head.root, head.seed, head.began, head.entries, head.copied) == ("r", "r", 5.0, 0, 0)
