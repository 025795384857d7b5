"""A value as it is written on a command line."""

from __future__ import annotations

from typing import Any

import msgspec


def read_value(text: str) -> Any:
    """JSON, or else the text itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
