"""`podium config`: every setting, its value, where that comes from, its default."""

from __future__ import annotations

import click

from ..client import SETTINGS, shown_options, shown_settings, unknown_settings
from . import options
from .exit_codes import CONFIGURATION, FINE
from .json_answer import say_json
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
        say_json(settings=shown_settings(), options=shown_options(), unknown=named)
    elif quiet:
        for setting in shown_settings():
            say(f"{setting.name}={safe(setting.value)}")
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


def _show() -> None:
    for setting in shown_settings():
        origin = setting.origin
        aside = origin if origin == "default" else f"{origin}; default {setting.default}"
        say(f"{click.style(setting.name, bold=True)} = {safe(setting.value)}  ({aside})")
        say(f"    {setting.meaning}")
    say(f"\n{click.style('Options of an engine', bold=True)}, given in code: App(options=Options(lease=5.0))")
    fields = shown_options()
    width = max(len(field.name) for field in fields)
    for field in fields:
        say(f"    {field.name:<{width}}  {field.default}")
    tell('what each means: python -c "import podium; help(podium.Options)"')
