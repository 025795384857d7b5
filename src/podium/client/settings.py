"""What the environment may say: every PODIUM_* variable there is, in one table."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..alert import place_of
from ..opening import default_url
from ..options import Options
from ..store import Finding, shown_url
from .channels import ENVIRONMENT, configured, variable

NOT_SHOWN = "(set, not shown)"


class Setting(NamedTuple):
    """One variable. `default` says what holds without it."""

    name: str
    meaning: str
    default: Callable[[], str]
    is_secret: bool = False


SETTINGS = (
    Setting("PODIUM_URL", "the store", default_url),
    Setting("PODIUM_ENGINE", "off: this process only asks, and drives nothing", lambda: "on"),
    Setting(
        "PODIUM_NAME", "the name of a session without a file, so that it resumes: a notebook, -c", lambda: ""
    ),
    Setting("PODIUM_PROJECT", "the project whose runs these are, in a store that several share", lambda: ""),
    Setting("PODIUM_DASK", 'the scheduler of executor="dask"; none: a cluster on this host', lambda: ""),
    Setting("PODIUM_RAY", 'the cluster of executor="ray"; none: a cluster on this host', lambda: ""),
    Setting("PODIUM_HTTP_URL", 'the endpoint of tasks with executor="http"', lambda: ""),
    Setting("PODIUM_HTTP_KEY", "what its requests are signed with", lambda: "", is_secret=True),
    Setting("PODIUM_VALUES", "of a store on a server: the folder of values that all hosts share", lambda: ""),
    Setting("PODIUM_QUIET", "1: notices to the person at the terminal are kept back", lambda: "0"),
    Setting("PODIUM_TRACE", "1: tracebacks keep Podium's own frames", lambda: "0"),
    Setting("PODIUM_ALLOW_NETWORK", "1: open a store on a network file system all the same", lambda: "0"),
)


class ShownSetting(msgspec.Struct, frozen=True):
    """A setting as it is, without what a URL holds to get in."""

    name: str
    value: str
    origin: str  # "environment", "default" or "pyproject.toml"
    default: str
    meaning: str


class Option(msgspec.Struct, frozen=True):
    """An option of an engine, with its default."""

    name: str
    default: Any


def shown_settings() -> list[ShownSetting]:
    """Every setting: its value, where that comes from, its default; then the channels of alerts."""
    told = [
        ShownSetting(
            name=setting.name,
            value=_shown(setting),
            origin="environment" if os.environ.get(setting.name) else "default",
            # Where it is looked for, rather than what was found here.
            default=".podium/podium.db of the project" if setting.name == "PODIUM_URL" else setting.default(),
            meaning=setting.meaning,
        )
        for setting in SETTINGS
    ]
    return told + [
        ShownSetting(
            name=variable(name),
            value=place_of(url),
            origin="environment" if os.environ.get(variable(name)) else "pyproject.toml",
            default="",
            meaning=f"where alerts to {name!r} go",
        )
        for name, url in configured(Path.cwd()).items()
    ]


def _shown(setting: Setting) -> str:
    value = os.environ.get(setting.name)
    return NOT_SHOWN if value and setting.is_secret else shown_url(value or setting.default())


def shown_options() -> list[Option]:
    """Every option of an engine with its default."""
    return [Option(option.name, option.default) for option in msgspec.structs.fields(Options)]


def unknown_settings() -> list[tuple[str, str]]:
    """PODIUM_* variables that mean nothing, each with the nearest that does ("" if none is near)."""
    known = [setting.name for setting in SETTINGS]
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith("PODIUM_") and not name.startswith(ENVIRONMENT) and name not in known
    )
    return [(name, next(iter(difflib.get_close_matches(name, known, 1, 0.7)), "")) for name in unknown]


def check_environment() -> Iterator[Finding]:
    """Variables that were meant for Podium and are not read."""
    for name, near in unknown_settings():
        fix = f"nearest: {near}" if near else "podium config  lists the settings"
        yield Finding("settings", False, f"{name} is set, but there is no such setting", fix)
