"""The pages on error codes, read from codes.toml beside this file."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec


class Page(msgspec.Struct, frozen=True):
    """About one code. Names stand in `backticks`, as in docs/reference.md."""

    name: str  # of the exception; for a reason without one, what happened
    do: str
    why: str  # a paragraph
    who: str = ""  # can act
    example: str = ""


def pages() -> dict[str, Page]:
    """All of them by code."""
    text = (files("podium.cli") / "codes.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Page])


def row(code: str, page: Page) -> str:
    """Its row in docs/reference.md."""
    return f"| {code} | {page.name} | {page.who}{' ' if page.who else ''}| {page.do} |"
