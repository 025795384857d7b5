"""Which project a function's runs are of in a store, and which script is asking."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import StoreRefused
from ..functions import Function
from ..modules import Home, main_file, notebook
from ..opening import PLACE, is_on_server, store_file
from ..store import shown_url
from .process import is_server

ELSEWHERE = "podium: this is the store of"  # how the notice of `store_elsewhere` begins


def store_elsewhere(url: str, functions: Mapping[str, Function]) -> Path | None:
    """The own store of a project that these functions are of, where this process has another one."""
    file = store_file(url)
    for folder in dict.fromkeys(function.home.folder for function in list(functions.values())):
        own = Path(folder, *PLACE)
        if folder and own != file and own.exists():
            return own
    return None


def label_in(url: str, home: Home) -> str:
    """As `project_in`, of the project whose home that is."""
    return _label_in(url, home)


def project_in(url: str, function: Function) -> str:
    """The project that a function's runs belong to in a store, so that two projects which share one do not
    take each other's runs: "" in a store of the project's own, else its name, or its folder.

    Raises StoreRefused in a store on a server where it has no name: a folder is another one on another host.
    """
    return _label_in(url, function.home)


@functools.cache
def _label_in(url: str, home: Home) -> str:
    if is_on_server(url):
        if os.path.isabs(home.label):
            raise StoreRefused(
                f"{shown_url(url)} may be shared by many projects, and the one of {home.label} has no name",
                fix="PODIUM_PROJECT=name, or [project] name in its pyproject.toml",
            )
        return home.label
    file = store_file(url)
    return "" if file is None or not home.label or file.is_relative_to(home.folder) else home.label


def script() -> str:
    """What identifies the running script or notebook, so that running it again finds what it left behind;
    "" where nothing does: at a prompt, with -c, and in a server, whose every request is another call."""
    if is_server():
        return ""
    at_prompt = hasattr(sys, "ps1") and notebook() is None  # also of `python -i script.py`, once that is over
    return (not at_prompt and main_file()) or os.environ.get("PODIUM_NAME", "")
