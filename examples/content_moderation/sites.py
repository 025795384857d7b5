"""Where the sites to crawl come from: packages made by others, fetched once and kept in the user's cache."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

DOCS_PACKAGE = "python3.11-doc"
DOCS_INSTALLED = Path("/usr/share/doc/python3.11/html")


class SiteUnavailable(RuntimeError):
    """The site's files cannot be had on this machine; the message says what to do."""


def python_docs() -> Path:
    """The folder of the Python documentation as Debian 12 packages it: 526 pages from index.html.

    Takes the installed package, else fetches it with apt-get, without installing it, at the first call.
    Raises `SiteUnavailable` where neither works.
    """
    if (DOCS_INSTALLED / "index.html").exists():
        return DOCS_INSTALLED
    return _cached(DOCS_PACKAGE, _unpack_docs) / DOCS_INSTALLED.relative_to("/")


def _unpack_docs(target: Path) -> None:
    if not shutil.which("apt-get"):
        raise SiteUnavailable(f"{DOCS_PACKAGE} is a Debian package and there is no apt-get here")
    folder = target.parent
    fetch = ["apt-get", "download", DOCS_PACKAGE]
    if subprocess.run(fetch, cwd=folder, capture_output=True, check=False).returncode:
        _do(["apt-get", "update"], folder)  # a bare container has no package lists; needs root
        _do(fetch, folder)
    _do(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(target)], folder)


def httpbin_python() -> str:
    """An interpreter that can run httpbin under gunicorn: this one, else one in an environment of its own.

    Its own, because a server is no library of ours: httpbin caps greenlet below what Podium wants on 3.11.
    """
    if importlib.util.find_spec("httpbin") and importlib.util.find_spec("gunicorn"):
        return sys.executable
    return str(_cached(f"httpbin-{platform.python_version()}", _build_httpbin) / "bin" / "python")


def _build_httpbin(target: Path) -> None:
    venv.create(target, with_pip=True)
    install = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "httpbin", "gunicorn"]
    _do(install, target.parent)


def _cached(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` in the cache, built beside it and moved into place whole if it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podium-examples"
    home = cache / name
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            part = Path(folder) / name
            build(part)
            try:
                part.rename(home)
            except OSError:
                if not home.exists():  # else another process was faster, and that one serves
                    raise
    return home


def _do(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip()
        raise SiteUnavailable(f"`{' '.join(command)}` failed: {told}")
