"""What is kept out of what people read: secrets in URLs, and values whose names say that they are."""

from __future__ import annotations

import pytest

from podium.codec import encode_call, preview_call
from podium.redaction import is_secret, redacted


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
