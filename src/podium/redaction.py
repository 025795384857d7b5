"""Secrets kept out of what people read: passwords and tokens of URLs, values whose name says so."""

from __future__ import annotations

import re

HIDDEN = "***"

_NAMES = (
    r"pass(?:word|wd|phrase|code)|secret|token|(?:api|access|private)_?key|auth(?:orization)?|credentials?"
)
_NAME = re.compile(rf"(?:.*[_-])?(?:{_NAMES})(?:s|[_-].*)?", re.IGNORECASE)
_USER = re.compile(r"(\w[\w+.-]*://[^\s/?#@:'\"]*):[^\s/?#@'\"]*@")
_QUERY = re.compile(rf"([?&](?:[\w.-]*[_-])?(?:{_NAMES}|sig(?:nature)?|key)=)[^\s&#'\"]+", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a value of this name is one: `password`, `api_key`, `slack_token`."""
    return _NAME.fullmatch(name) is not None


def redacted(text: str) -> str:
    """The text with `***` for the passwords and tokens of the URLs in it.

    Example: `redacted("postgres://ann:pw@db/x?token=t")` is `"postgres://ann:***@db/x?token=***"`.
    """
    if "://" not in text and "=" not in text:
        return text
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1:{HIDDEN}@", text))
