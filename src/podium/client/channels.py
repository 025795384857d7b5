"""Channels of alerts: what their names mean here, and what goes through them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import msgspec

from ..alert import reference
from ..errors import UsageError
from ..functions import Function
from ..modules import nearest_project

ENVIRONMENT = "PODIUM_CHANNEL_"  # before a channel's name, in capitals, "-" as "_"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is told, as a webhook gets it (JSON)."""

    kind: str  # "failed", "late" or "waiting"
    title: str
    text: str
    workflow: str
    run: str
    at: str
    more: int = 0  # others of the same sort since the last notice
    version: int = 1


def configured(folder: Path) -> dict[str, str]:
    """Names and URLs: those of the environment, then `[tool.podium.channels]` of the folder's project.

    Raises UsageError for what is no table of texts.
    """
    project = nearest_project(folder)
    file = project / "pyproject.toml" if project is not None else None
    found: dict[str, str] = {}
    if file is not None and file.is_file():
        try:
            told: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} cannot be read: {error}", fix="mend it") from error
        table: Any = cast(dict[str, Any], told).get("tool", {}).get("podium", {}).get("channels", {})
        if not isinstance(table, dict) or not all(isinstance(url, str) for url in cast(Any, table).values()):
            raise UsageError(
                f"{file}: [tool.podium.channels] holds names and URLs", fix='ops = "https://..."'
            )
        found |= cast(dict[str, str], table)
    said = {name: url for name, url in os.environ.items() if name.startswith(ENVIRONMENT) and url}
    for name, url in said.items():
        known = [each for each in found if variable(each) == name]
        found[known[0] if known else name[len(ENVIRONMENT) :].lower()] = url
    return found


def variable(name: str) -> str:
    """The environment variable that says what a channel is."""
    return ENVIRONMENT + name.upper().replace("-", "_")


def resolved(channel: str, functions: Iterable[Function], folders: Iterable[Path]) -> str:
    """The URL of a channel on record: one that was declared as a URL is looked for in the declarations.

    Raises UsageError for one that is known nowhere here.
    """
    if "://" in channel:
        for function in functions:
            for each in function.alerts:
                for url in each.to:
                    if reference(url) == channel:
                        return url
        raise UsageError(
            f"no workflow of this process declares the channel {channel.partition('#')[0]}",
            fix="podium worker MODULE, with the module that declares it",
        )
    for folder in folders:
        found = {variable(name): url for name, url in configured(folder).items()}
        if url := found.get(variable(channel)):
            return url
    raise UsageError(
        f"the channel {channel!r} is not configured here",
        fix=f'set {variable(channel)} to its URL, or {channel} = "URL" under [tool.podium.channels]',
    )
