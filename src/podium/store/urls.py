"""What the URL of a store tells; shown never with what it takes to get in."""

from __future__ import annotations

import re
from pathlib import Path

_HIDDEN = "***"
_SERVERS = r"(?:postgres|postgresql|mysql|mariadb|redis|amqp)(?:\+\w+)?"
_USERINFO = re.compile(  # a password may hold any of these, as people type it; so do they forget the slashes
    rf"((?:://|\b{_SERVERS}:/?)[^:/?#@\s]*):\S*@"
)
_NEARLY = re.compile(  # a scheme without its slashes, and what libpq takes beside URLs: `host=db password=x`
    rf"(sqlite|{_SERVERS}):(?!//)|[^/]*\b(?:host|hostaddr|dbname|user|password|service)\s*=", re.IGNORECASE
)
_WORDS = r"[\w-]*(?:password|passwd|passfile|pwd|secret|token|api_?key|sslkey)[\w-]*"
_PARAMETER = re.compile(rf"(\b{_WORDS}\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&;#]+)", re.IGNORECASE)


def shown_url(text: str) -> str:
    """A URL, or a text that holds one, as errors, logs and people get to see it.

    >>> shown_url("postgresql://me:hunter2@db/podium?sslpassword=x")
    'postgresql://me:***@db/podium?sslpassword=***'
    """
    return _PARAMETER.sub(rf"\g<1>{_HIDDEN}", _USERINFO.sub(rf"\1:{_HIDDEN}@", text))


def url_parts(text: str) -> tuple[str, str]:
    """The scheme of a store's URL and what follows its `://`; of a plain path what they would be.

    What is nearly a URL is none, and no file of that name either: its scheme is "".

    >>> url_parts("runs.db")
    ('sqlite', '/runs.db')
    >>> url_parts("postgresql:me@db/podium")
    ('', 'postgresql:me@db/podium')
    """
    scheme, separator, rest = text.partition("://")
    if separator:
        return scheme, rest
    return ("", text) if _NEARLY.match(text) else ("sqlite", f"/{text}")


def project_folder(url: str) -> Path | None:
    """The project whose own store this is: the folder around `.podium`; None of any other store.

    >>> project_folder("sqlite:////srv/shop/.podium/podium.db")
    PosixPath('/srv/shop')
    """
    scheme, _, rest = url.partition("://")
    folder = Path(rest[1:]).parent
    return folder.parent if scheme == "sqlite" and folder.name == ".podium" else None
