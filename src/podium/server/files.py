"""The files of the dashboard: read from the package, under a name that changes with what they hold.

A page (`.html`) names its scripts and sheets plainly; as it is served, each local name gets `/static/HASH`
before it, where the hash is that of all files together. What scripts and sheets name is beside them, so all
of it is kept by a browser for good, and is new when any file is. Everything else carries an ETag and is asked
for again.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from .http import Refused, Request, Response

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
_NAMED = re.compile(rb'((?:src|href)=")(/[\w./-]+\.(?:css|js|svg|woff2))(")')
_KEPT = re.compile(r"/static/(\w+)(/.+)")
_FOR_GOOD = "private, max-age=31536000, immutable"


class Files:
    """Files of one folder and below. Which there are is looked up once; a name leads nowhere else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {f"/{file.relative_to(folder).as_posix()}" for file in folder.rglob("*")
                       if file.suffix in _TYPES and file.is_file()}  # fmt: skip
        self._hash: tuple[list[tuple[int, int]], str] = ([], "")

    def answer(self, request: Request) -> Response:
        """The file of a path; "/", "/runs" and "/runs/ID" are pages."""
        kept = _KEPT.fullmatch(request.path)
        name = self._name(kept[2] if kept else request.path)
        if name is None:
            raise Refused(404, "E100", f"there is no {request.path}")
        file = self._folder / name[1:]
        body, kind = file.read_bytes(), file.suffix
        if kind == ".html":
            body = _NAMED.sub(self._kept, body)
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        known = {"etag": tag, "cache-control": "private, no-cache"}
        if kept and kept[1] == self._hash_of_all():
            known["cache-control"] = _FOR_GOOD
        if request.headers.get("if-none-match") == tag:
            return Response(304, b"", _TYPES[kind], known)
        return Response(200, body, _TYPES[kind], known)

    def _name(self, path: str) -> str | None:
        """A file by its name; what looks like none is a page, which one script draws. The id of a run may
        hold dots: that of a scheduled one is made of its module's name."""
        if path in self._names:
            return path
        return _PAGE if path.startswith("/runs/") or "." not in path.rpartition("/")[2] else None

    def _kept(self, found: re.Match[bytes]) -> bytes:
        if found[2].decode() not in self._names:
            return found[0]
        return b"%s/static/%s%s%s" % (found[1], self._hash_of_all().encode(), found[2], found[3])

    def _hash_of_all(self) -> str:
        """Of what all files hold; reckoned anew when one of them has changed."""
        files = [self._folder / name[1:] for name in sorted(self._names)]
        stamps = [(stat.st_mtime_ns, stat.st_size) for stat in (file.stat() for file in files)]
        if stamps != self._hash[0]:
            every = hashlib.sha256()
            for file in files:
                every.update(file.read_bytes())
            self._hash = stamps, every.hexdigest()[:16]
        return self._hash[1]
