"""The files of the dashboard: read from the package, named by what they hold.

A page (`.html`) names its scripts and sheets plainly; as it is served, each local name gets `?h=` and the
hash of that file, so that a browser keeps the file for good and gets a changed one at once. Everything else
carries an ETag and is asked for again.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from .http import Answer, Refused, Request

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_PAGE = "/index.html"
# Not what is preloaded as a module: scripts import it by its plain name, and another one would be read twice.
_NAMED = re.compile(rb'((?<!preload" )(?:src|href)=")([\w./-]+\.(?:css|js|svg|woff2))(")')
_FOR_GOOD = "private, max-age=31536000, immutable"


class Files:
    """Files of one folder and below. Which there are is looked up once; a name leads nowhere else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {f"/{file.relative_to(folder).as_posix()}" for file in folder.rglob("*")
                       if file.suffix in _TYPES and file.is_file()}  # fmt: skip
        self._hashes: dict[str, tuple[int, str]] = {}

    def answer(self, request: Request) -> Answer:
        """The file of a path; "/", "/runs" and "/runs/ID" are pages."""
        name = self._name(request.path)
        if name is None:
            raise Refused(404, "E100", f"there is no {request.path}")
        file = self._folder / name[1:]
        body, kind = file.read_bytes(), file.suffix
        if kind == ".html":
            body = _NAMED.sub(self._with_hash, body)
        digest = hashlib.sha256(body).hexdigest()[:16]
        tag = f'"{digest}"'
        known = {"etag": tag, "cache-control": "private, no-cache"}
        if request.query.get("h") == digest:
            known["cache-control"] = _FOR_GOOD
        if request.headers.get("if-none-match") == tag:
            return Answer(304, b"", _TYPES[kind], known)
        return Answer(200, body, _TYPES[kind], known)

    def _name(self, path: str) -> str | None:
        """A file by its name; what looks like none is a page, which one script draws."""
        if path in self._names:
            return path
        return None if "." in path.rpartition("/")[2] else _PAGE

    def _with_hash(self, found: re.Match[bytes]) -> bytes:
        name = f"/{found[2].decode().lstrip('/').removeprefix('./')}"
        if name not in self._names:
            return found[0]
        return b"%s%s?h=%s%s" % (found[1], found[2], self._hash(name).encode(), found[3])

    def _hash(self, name: str) -> str:
        file = self._folder / name[1:]
        stamp = file.stat().st_mtime_ns
        known = self._hashes.get(name)
        if known is None or known[0] != stamp:
            known = self._hashes[name] = stamp, hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        return known[1]
