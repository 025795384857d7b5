"""`podium config`: every setting, its value, where that comes from, its default."""

from __future__ import annotations

import os
from typing import Any

import click
import msgspec

from ..client import SETTINGS, unknown_settings
from ..engine import Options
from ..store import shown_url
from . import options
from .answer import say_json
from .main import CONFIGURATION, FINE
from .terminal import error, safe, say, tell


@click.command(context_settings=options.HELP)
@options.as_json
@options.quiet("Names and values only, as a shell would set them.")
def command(as_json: bool, quiet: bool) -> int:
    """Every setting: its value, where that comes from, its default.

    Variables hold for every process that has them; the options of an engine are given in code, as
    App(options=Options(...)), and are shown with their defaults. Exit code 7 if a PODIUM_* variable is
    set that means nothing.
    """
    unknown = unknown_settings()
    if as_json:
        named = [{"name": name, "nearest": near or None} for name, near in unknown]
        say_json(settings=_settings(), options=_options(), unknown=named)
    elif quiet:
        for setting in _settings():
            say(f"{setting['name']}={safe(setting['value'])}")
    else:
        _show()
    for name, near in unknown:
        fix = (
            f"nearest: {near}"
            if near
            else f"it does nothing; there are: {' '.join(s.name for s in SETTINGS)}"
        )
        error("E100", f"{name} is set, but there is no such setting", fix)
    return CONFIGURATION if unknown else FINE


def _settings() -> list[dict[str, Any]]:
    return [
        {
            "name": setting.name,
            "value": shown_url(os.environ.get(setting.name) or setting.default()),
            "origin": "environment" if os.environ.get(setting.name) else "default",
            "default": _default(setting.name),
            "meaning": setting.meaning,
        }
        for setting in SETTINGS
    ]


def _default(name: str) -> str:
    """What would hold without the variable."""
    if name == "PODIUM_URL":
        return ".podium/podium.db of the project"
    return next(setting.default() for setting in SETTINGS if setting.name == name)


def _options() -> list[dict[str, Any]]:
    return [{"name": option.name, "default": option.default} for option in msgspec.structs.fields(Options)]


def _show() -> None:
    for setting in _settings():
        origin = setting["origin"]
        aside = origin if origin == "default" else f"{origin}; default {setting['default']}"
        say(f"{click.style(setting['name'], bold=True)} = {safe(setting['value'])}  ({aside})")
        say(f"    {setting['meaning']}")
    say(f"\n{click.style('Options of an engine', bold=True)}, given in code: App(options=Options(lease=5.0))")
    fields = _options()
    width = max(len(field["name"]) for field in fields)
    for field in fields:
        say(f"    {field['name']:<{width}}  {field['default']}")
    tell('what each means: python -c "import podium; help(podium.Options)"')
