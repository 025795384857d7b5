"""What `--json` gives to a program."""

from __future__ import annotations

from typing import Any

import msgspec

from .terminal import say


def say_json(**answer: Any) -> None:
    """An object on a line of its own. Its keys are never renamed; another form would have another version."""
    say(msgspec.json.encode({"version": 1, **answer}).decode())
