"""What `--json` gives to a program."""

from __future__ import annotations

from typing import Any

import msgspec

from .terminal import safe, say


def say_json(**answer: Any) -> None:
    """An object on a line of its own. Its keys are never renamed; another form would have another version."""
    say(msgspec.json.encode({"version": 1, **answer}).decode())


def already(before: str | None) -> str:
    """Behind what was done: that the same was given before, and by whom ("": nobody said who); None: it was
    not."""
    return "" if before is None else f" already, the same{before and f', by {safe(before)}'}"
