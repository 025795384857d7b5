"""Where the default store is, and how a store is found and named again."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import tempfile
from pathlib import Path

from ..errors import StoreRefused
from ..modules import nearest_project
from ..process import parents_store
from ..store import Store, shown_url, url_parts
from .in_tests import in_test, store_of_tests

PLACE = (".podium", "podium.db")  # of a project's own store, below its folder
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
    return f"sqlite:///{home.joinpath(*PLACE)}"


def is_found_by_folder() -> bool:
    """Whether the default store is looked for from the working directory: nobody has named it."""
    return not (parents_store() or os.environ.get("PODIUM_URL") or in_test())


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


def is_nothing_at(file: Path) -> bool:
    """Whether no store is there, nor the log of one that is gone: who opens that is told."""
    if file.exists():
        return False
    try:
        return not Path(f"{file}-wal").stat().st_size
    except OSError:
        return True


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def store_flag(url: str) -> str:
    """What a command needs to come to the same store: " --store URL", or nothing where it is the default."""
    return "" if url == settled_url(default_url()) else f" --store {shlex.quote(shown_url(url))}"


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
