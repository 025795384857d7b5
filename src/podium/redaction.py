"""Secrets kept out of what people read: passwords and tokens of URLs, values whose name says so."""

from __future__ import annotations

import json
import re

HIDDEN = "***"

# Parts of a name, with `_`, `-` or a change of case between them.
_NAMES = (
    r"(?:\w*)pass(?:word|wd|phrase|code)|pwd|secret|token|(?:api|access|private|secret|session)[_-]?key"
    r"|auth(?:orization|entication)?|credentials?|cookie|signature|session[_-]?id|jwt|bearer"
)
_NAME = re.compile(rf"(?:.*[_-])?(?:{_NAMES})(?:s|[_-].*)?", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USER = re.compile(r"(\w[\w+.-]*://[^\s/?#@:'\"]*):[^\s/?#@'\"]*@")
_QUERY = re.compile(rf"([?&](?:[\w.-]*[_-])?(?:{_NAMES}|sig(?:nature)?|key)=)[^\s&#'\"]+", re.IGNORECASE)


def is_secret(name: str, value: object = "") -> bool:
    """Whether a value of this name is one: `password`, `api_key`, `slackToken`, `Set-Cookie`.

    Nothing, yes and no are none, and a number of many (`max_tokens=200`) counts them.
    """
    if value is None or type(value) is bool:
        return False
    if type(value) in (int, float) and name.endswith("s"):
        return False
    return _NAME.fullmatch(_HUMP.sub("_", name)) is not None


# Values of secrets that this process has asked for, with their references.
hidden_values: dict[str, str] = {}
_SHORT = 4  # characters: shorter ones would hide half of what is said


def hide(value: str, reference: str) -> None:
    """Keep a value out of what is recorded and shown from now on."""
    if len(value) >= _SHORT:
        hidden_values[value] = reference


def hidden_pairs() -> tuple[tuple[str, str], ...]:
    """Values and references as they are now: task threads add to them while others look."""
    return tuple(hidden_values.items())


def masked(text: str) -> str:
    """The text with `***` for the values of secrets that this process has asked for."""
    for value, _ in hidden_pairs():
        if value in text:
            text = text.replace(value, HIDDEN)
    return text


def masked_json(data: bytes) -> bytes:
    """The same of JSON."""
    for value, _ in hidden_pairs():
        data = data.replace(_in_json(value), HIDDEN.encode())
    return data


def secret_in(data: bytes) -> str:
    """The reference of such a secret whose value stands in JSON; "" if none does."""
    for value, reference in hidden_pairs():
        if _in_json(value) in data:
            return reference
    return ""


def secret_in_bytes(data: bytes) -> str:
    """The same of bytes as they are, before they are written so that nobody sees it in them."""
    for value, reference in hidden_pairs():
        if value.encode("utf-8", "surrogatepass") in data:
            return reference
    return ""


def _in_json(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False)[1:-1].encode()


def redacted(text: str) -> str:
    """The text with `***` for the passwords and tokens of the URLs in it.

    Example: `redacted("postgres://ann:pw@db/x?token=t")` is `"postgres://ann:***@db/x?token=***"`.
    """
    if "://" not in text and "=" not in text:
        return text
    return _QUERY.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1:{HIDDEN}@", text))
