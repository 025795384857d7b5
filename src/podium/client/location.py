"""Where the default store is, and which script is asking."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import StoreRefused
from ..executors import parents_store
from ..functions import Function
from ..modules import Home, main_file, nearest_project, notebook
from ..store import Store, url_parts
from ..store import shown_url as shown_url
from .process import in_test, is_server, store_of_tests

_PLACE = (".podium", "podium.db")  # of a project's own store, below its folder
ELSEWHERE = "podium: this is the store of"  # how the notice of `store_elsewhere` begins
_SHOWN_MAX = 100  # characters of a URL in an error


def default_url() -> str:
    """`PODIUM_URL`, else `.podium/podium.db` beside the nearest pyproject.toml, .git or .podium upwards.

    In a test session it is one of its own, in a temporary folder.
    """
    url = parents_store() or os.environ.get("PODIUM_URL")
    if url:
        return url
    if in_test():
        return store_of_tests()
    try:
        here = Path.cwd()
    except OSError as error:
        raise StoreRefused(
            "the working directory is not there any more",
            fix="cd to one that is, or say --store URL, or PODIUM_URL",
        ) from error
    home = nearest_project(here) or here
    return f"sqlite:///{home.joinpath(*_PLACE)}"


def is_found_by_folder() -> bool:
    """Whether the default store is looked for from the working directory: nobody has named it."""
    return not (parents_store() or os.environ.get("PODIUM_URL") or in_test())


def store_elsewhere(url: str, functions: Mapping[str, Function]) -> Path | None:
    """The own store of a project that these functions are of, where this process has another one."""
    file = store_file(url)
    for folder in dict.fromkeys(function.home.folder for function in list(functions.values())):
        own = Path(folder, *_PLACE)
        if folder and own != file and own.exists():
            return own
    return None


def settled_url(url: str) -> str:
    """The URL with the one name of its file: links followed, wherever this process goes from here.

    Locks and side files lie beside the file. Two names would be two places, where neither finds the other's.
    """
    file = store_file(url)
    return url if file is None else f"sqlite:///{file}"


def store_file(url: str) -> Path | None:
    """The file behind a store's URL; None for a store that is no file (in memory, on a server).

    Raises StoreRefused for what can be no file's name, such as a very long one.
    """
    scheme, rest = url_parts(url)
    if scheme != "sqlite" or is_in_memory(url):
        return None
    try:
        file = Path(rest[1:]).resolve()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            file.stat()
        str(file).encode()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, no way in; no text
        why = "its name is no text" if isinstance(error, UnicodeError) else _why(error)
        shown = shown_url(url) if len(url) <= _SHOWN_MAX else f"{shown_url(url)[:_SHOWN_MAX]}…"
        raise StoreRefused(
            f"no store can be opened at {shown!r}: {why}", fix="use sqlite:///path, or a plain path"
        ) from None
    return file


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def store_flag(url: str) -> str:
    """What a command needs to come to the same store: " --store URL", or nothing where it is the default."""
    return "" if url == settled_url(default_url()) else f" --store {shlex.quote(shown_url(url))}"


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


def is_on_server(url: str) -> bool:
    """Whether the store behind a URL is one that many hosts may share."""
    return url_parts(url)[0] in ("postgresql", "postgres")


def locks_directory(url: str, store: Store) -> Path | None:
    """Where the engines of this host hold their locks; None beside a store in memory.

    Of a store on a server that is a folder of this user's; engines of others are told by their leases.
    """
    file = store_file(url)
    if file is not None:
        return Path(f"{file}-locks")
    shared = store.shared
    if not shared:
        return None
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    own = Path(runtime, f"podium-{os.getuid()}")
    # Anybody may have made it first, in a folder for all: who can put a free lock there ends a living engine.
    try:
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
    except OSError:
        return None
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    return own / shared if is_ours else None


def is_in_memory(url: str) -> bool:
    """Whether the store behind a URL ends with its process."""
    scheme, rest = url_parts(url)
    return scheme == "sqlite" and rest.startswith("/:memory:")


def script() -> str:
    """What identifies the running script or notebook, so that running it again finds what it left behind;
    "" where nothing does: at a prompt, with -c, and in a server, whose every request is another call."""
    if is_server():
        return ""
    at_prompt = hasattr(sys, "ps1") and notebook() is None  # also of `python -i script.py`, once that is over
    return (not at_prompt and main_file()) or os.environ.get("PODIUM_NAME", "")
