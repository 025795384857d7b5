"""The keys of queries, and what may therefore be the id of no run: what a call with an id needs of them."""

from __future__ import annotations

import re

KEYS = {
    "status": "state",
    "state": "state",
    "workflow": "function",
    "function": "function",
    "task": "function",
    "created": "created",
    "started": "started",
    "ended": "ended",
    "finished": "ended",
    "tag": "tag",
    "tags": "tag",
    "id": "id",
    "origin": "origin",
    "parent": "parent",
    "root": "root",
    "input": "input",
}
KEY = re.compile(r"([A-Za-z_]\w*)((?:\.[^.:\s\"']+)*):")


def is_query(text: str) -> bool:
    """Whether a word is one of a query rather than the id of a run."""
    return KEY.match(text.removeprefix("-")) is not None


def has_key(text: str) -> bool:
    """Whether a word begins with a key that queries know, so that nothing else may be called so."""
    found = KEY.match(text)
    return found is not None and found[1] in KEYS
