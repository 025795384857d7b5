"""What is kept out of what people read: secrets in URLs, and values whose names say that they are."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any

import pytest

from podium.codec import encode, encode_call, preview, preview_call
from podium.redaction import is_secret, redacted


@dataclass
class Login:
    user: str
    password: str


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://ann:p%40ss@db:5432/x", "postgres://ann:***@db:5432/x"),
        ("redis://:pw@host", "redis://:***@host"),
        ("postgresql+psycopg://ann:a:b@h/x and more", "postgresql+psycopg://ann:***@h/x and more"),
        ("https://x.io/a?token=abc&n=1", "https://x.io/a?token=***&n=1"),
        ("https://x.io/a?n=1&X-Amz-Signature=abc#top", "https://x.io/a?n=1&X-Amz-Signature=***#top"),
        ("'https://x.io/?api_key=abc'", "'https://x.io/?api_key=***'"),
        ("https://ann@x.io:80/a", "https://ann@x.io:80/a"),
        ("at 12:30 ann@x.io", "at 12:30 ann@x.io"),
        ("sqlite:///tmp/a.db", "sqlite:///tmp/a.db"),
        ("a=1&b=2", "a=1&b=2"),
    ],
)
def test_passwords_and_tokens_of_urls_are_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("db_password", True),
        ("apiKey", True),
        ("api_key", True),
        ("slack_token", True),
        ("tokens", True),
        ("Authorization", True),
        ("client_secret_id", True),
        ("key", False),
        ("author", False),
        ("passenger", False),
        ("tokenizer", False),
        ("secretary", False),
        ("city", False),
        ("cookie", True),
        ("Set-Cookie", True),
        ("userPassword", True),
        ("sslpassword", True),
        ("X-Api-Key", True),
        ("sessionId", True),
        ("session", False),
        ("design", False),
    ],
)
def test_a_name_says_whether_its_value_is_a_secret(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


def test_a_call_is_shown_short_and_without_secrets() -> None:
    call, _ = encode_call(
        {"url": "https://x.io/?token=abc", "password": "abc", "how": {"headers": {"Authorization": "abc"}}},
        where="f",
    )
    shown = preview_call(call, 200)
    for part in (
        "url='https://x.io/?token=***'",
        "password=***",
        "how={'headers': {'Authorization': '***'}}",
    ):
        assert part in shown
    assert "abc" not in shown
    assert preview_call(call, 20)[19:] == "…"
    assert preview_call(encode_call({"text": "x" * 300_000}, where="f")[0]) == "<300,011 bytes of arguments>"
    assert preview_call(b"\xff") == "<1 bytes that are no payload>"


PAIRS: list[Any] = [
    {"password": "abc"},
    {"a": {"b": {"c": {"d": {"e": {"password": "abc"}}}}}},
    {"credentials": {"user": "ann", "word": "abc"}},
    {"token": 99887766},
    {1: "x", "password": "abc"},
    OrderedDict(password="abc"),
    defaultdict(str, password="abc"),
    [("password", "abc")],
    [["password", "abc"]],
    Login("ann", "abc"),
]


@pytest.mark.parametrize("value", PAIRS, ids=range(len(PAIRS)))
def test_a_secret_is_hidden_however_it_is_held(value: Any) -> None:
    call, _ = encode_call({"config": value}, where="f")
    for shown in (preview_call(call, 200), preview(encode(value), 200)):
        assert "***" in shown
        assert not any(secret in shown for secret in ("abc", "99887766"))


@pytest.mark.parametrize("width", range(20, 60))
def test_a_url_is_redacted_before_it_is_cut(width: int) -> None:
    call, _ = encode_call({"dsn": "postgres://ann:hunter2-hunter2@db.example.org/x"}, where="f")
    assert "hunter" not in preview_call(call, width)


def test_a_count_a_flag_and_nothing_are_no_secrets() -> None:
    call, _ = encode_call({"max_tokens": 200, "verify_token": True, "password": None}, where="f")
    assert preview_call(call) == "max_tokens=200, verify_token=True, password=None"


def test_what_a_user_asks_for_is_shown_whole() -> None:
    assert preview(encode({"token": "abc"}), hide=False) == "{'token': 'abc'}"
