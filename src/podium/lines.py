"""Which files are the user's, and how a line of one is written."""

from __future__ import annotations

import os

STANDARD = os.path.dirname(os.__file__) + os.sep  # the standard library
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
STORES = os.path.join(_OURS, "store") + os.sep  # what speaks to a store
_ASYNCIO = os.path.join(STANDARD, "asyncio") + os.sep


def is_user_file(filename: str) -> bool:
    """Whether a frame of this file is worth showing to a user."""
    return not filename.startswith((_OURS, _ASYNCIO, "<frozen"))


def line_of(filename: str, number: int) -> str:
    """ "file:line" with the file relative to the working directory if it is below it."""
    try:
        relative = os.path.relpath(filename)
    except ValueError:  # another drive
        relative = filename
    return f"{filename if relative.startswith('..') else relative}:{number}"
