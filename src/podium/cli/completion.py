"""`podium completion SHELL`: the script that makes a shell complete verbs, options and the ids of runs."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from ..errors import UsageError
from . import options
from .exit_codes import FINE
from .main import command_line
from .terminal import say, tell

_VARIABLE = "_PODIUM_COMPLETE"
_INSTALL = {
    "bash": "echo 'eval \"$(podium completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(podium completion zsh)\"' >> ~/.zshrc",
    "fish": "podium completion fish > ~/.config/fish/completions/podium.fish",
}


@click.command(context_settings=options.HELP)
@click.argument("shell", type=click.Choice(list(_INSTALL)), required=False)
def command(shell: str | None) -> int:
    """Complete verbs, options and ids of runs. Without SHELL: the one you are in.

    \b
    bash   echo 'eval "$(podium completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(podium completion zsh)"' >> ~/.zshrc
    fish   podium completion fish > ~/.config/fish/completions/podium.fish
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(name)
    if kind is None or name not in _INSTALL:
        raise UsageError(
            f"which shell? {name or 'SHELL is not set'}", fix="podium completion bash, zsh or fish"
        )
    say(kind(command_line, {}, "podium", _VARIABLE).source().rstrip())
    if os.isatty(1):
        tell(f"to have it in every new shell: {_INSTALL[name]}")
    return FINE
