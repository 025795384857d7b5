"""Channels: what a name means, and how a notice gets through webhooks and mail servers."""

from __future__ import annotations

import email
import email.policy
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium import UsageError
from podium.client import channels, sinks
from podium.client.channels import Notice, configured, resolved
from tests.embedded.sinks import Hook, mail_server

NOTICE = Notice(
    kind="failed",
    title="daily\nfailed",
    text="ValueError: ärger\n\nrun  r1",
    workflow="shop:daily",
    run="r1",
    at="now",
)


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.podium.channels]\n{table}\n")
    return folder


def test_a_name_is_looked_for_in_the_environment_then_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path, 'ops = "https://a.example/1"\non-call = "https://b.example/2"')
    assert resolved("ops", [], [folder]) == "https://a.example/1"
    monkeypatch.setenv("PODIUM_CHANNEL_ON_CALL", "https://c.example/3")
    monkeypatch.setenv("PODIUM_CHANNEL_BOSS", "https://d.example/4")
    assert resolved("on-call", [], [folder]) == "https://c.example/3"
    assert configured(folder) == {
        "ops": "https://a.example/1", "on-call": "https://c.example/3", "boss": "https://d.example/4",
    }  # fmt: skip
    with pytest.raises(UsageError, match="'dev' is not configured") as caught:
        resolved("dev", [], [folder])
    assert "PODIUM_CHANNEL_DEV" in caught.value.fix


def test_a_table_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds names and URLs"):
        configured(project(tmp_path, "ops = 7"))


def test_a_slack_shaped_webhook_gets_a_text(hook: Hook) -> None:
    sinks.send(f"slack+{hook.url}", NOTICE, "k1")
    assert hook.posts[0].body == {"text": "*daily\nfailed*\nValueError: ärger\n\nrun  r1"}
    assert hook.posts[0].path == "/hooks/T0KEN"


def test_interim_answers_are_not_taken_for_the_one_that_counts(hook: Hook) -> None:
    hook.answers = [103, 100, 102, 200]
    sinks.send(hook.url, NOTICE, "k")
    hook.answers = [103, 503]
    with pytest.raises(ConnectionError, match="answered 503"):
        sinks.send(hook.url, NOTICE, "k")
    assert len(hook.posts) == 2


def test_a_redirect_is_no_delivery(hook: Hook) -> None:
    hook.answers = [302]
    with pytest.raises(ConnectionError, match="answered 302") as caught:
        sinks.send(hook.url, NOTICE, "k1")
    assert "T0KEN" not in str(caught.value)
    assert len(hook.posts) == 1


def test_a_sink_that_is_not_there_is_told_without_its_secrets() -> None:
    for url in ("http://127.0.0.1:1/hooks/T0KEN", "smtp://ann:pw@127.0.0.1:1/?to=a@example.com"):
        with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:1") as caught:
            sinks.send(url, NOTICE, "k1")
        assert "pw" not in str(caught.value)
        assert "T0KEN" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_mail_server_gets_a_mail() -> None:
    with mail_server() as (place, mails):
        sinks.send(f"smtp://{place}/?to=ops@example.com,boss@example.com&from=p@example.com", NOTICE, "k:1/x")
    (mail,) = mails
    assert (mail.sender, mail.to) == ("p@example.com", ["ops@example.com", "boss@example.com"])
    message = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert message["Subject"] == "[podium] daily failed"
    assert message["Message-ID"] == "<k%3A1%2Fx@example.com>"
    body = message.get_body()
    assert body is not None
    assert body.get_content().replace("\r", "").startswith("ValueError: ärger\n")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_mail_server_that_asks_for_a_password_gets_it() -> None:
    with mail_server(password="p w") as (place, mails):
        sinks.send(f"smtp://ann:p%20w@{place}/?to=ops@example.com", NOTICE, "k1")
        with pytest.raises(ConnectionError, match="answered SMTPAuthenticationError 535"):
            sinks.send(f"smtp://ann:wrong@{place}/?to=ops@example.com", NOTICE, "k1")
    assert len(mails) == 1


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which Apprise imports
def test_what_can_be_no_channel_is_told() -> None:
    with pytest.raises(UsageError, match="to=ADDRESS"):
        sinks.send("smtp://127.0.0.1/", NOTICE, "k1")
    with pytest.raises(UsageError, match=r"^carrier-pigeon://…: Apprise does not know this kind"):
        sinks.send("carrier-pigeon://T0KEN/roof", NOTICE, "k1")


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which Apprise imports
def test_any_other_kind_of_channel_goes_through_apprise(hook: Hook) -> None:
    url = f"json://{hook.url.partition('://')[2]}"
    hook.answers = [503]
    with pytest.raises(ConnectionError, match=r"^json://… did not take it$"):
        sinks.send(url, NOTICE, "k1")
    sinks.send(url, NOTICE, "k1")
    body = hook.posts[1].body
    assert (body["title"], body["message"]) == ("daily\nfailed", NOTICE.text)
    assert hook.posts[1].path == "/hooks/T0KEN"


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"^tgram://…: .* needs Apprise") as caught:
        sinks.send("tgram://T0KEN/chat", NOTICE, "k1")
    assert caught.value.fix == "pip install 'podium[alerts]'"


def test_the_environment_variable_of_a_name() -> None:
    assert channels.variable("on-call") == "PODIUM_CHANNEL_ON_CALL"
