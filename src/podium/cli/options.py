"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def store(function: F) -> F:
    """`--store URL`."""
    text = "The store: a URL or a file. Default: PODIUM_URL, else .podium/podium.db of the project."
    return click.option("--store", metavar="URL", help=text)(function)


def as_json(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="For programs: stable JSON on stdout.")(
        function
    )


def run_id(function: F) -> F:
    """The argument RUN."""
    return click.argument("run", metavar="RUN")(function)
