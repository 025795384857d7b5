"""How a notice gets through each kind of URL. Loaded when there is one to send.

Nothing of a URL is in what is raised or shown but its scheme and its host: the rest lets its holder in.
"""

from __future__ import annotations

import contextvars
import email.message
import email.utils
import http.client
import importlib
import importlib.util
import ipaddress
import json
import smtplib
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import msgspec

from .. import interim
from ..alert import place_of
from ..errors import UsageError
from .channels import Notice

SECONDS = 20.0  # that a sink may take for anything
_SLACK = "slack+"  # before http or https: the body that Slack, Mattermost and others take


def send(url: str, notice: Notice, key: str) -> None:
    """Get a notice through; `key`: the same for each try, so that a sink may know a repeat.

    Raises ConnectionError for a sink that did not take it, UsageError for a URL that can be none.
    """
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https") and "hooks.slack.com" not in url:
        _post(url, msgspec.json.encode(notice), key)
    elif scheme in ("http", "https", f"{_SLACK}http", f"{_SLACK}https"):
        _post(
            url.removeprefix(_SLACK), json.dumps({"text": f"*{notice.title}*\n{notice.text}"}).encode(), key
        )
    elif scheme in ("smtp", "smtps"):
        _mail(url, notice, key)
    else:
        _apprise(url, notice)


def _post(url: str, body: bytes, key: str) -> None:
    if trouble := _posted(url, body, key):  # raised here, where no error that quotes the URL is its context
        raise ConnectionError(f"{place_of(url)} {trouble}")


def _posted(url: str, body: bytes, key: str) -> str:
    """What went wrong; "" if nothing has."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "podium"}
    try:
        request = urllib.request.Request(url, body, headers)  # its scheme was looked at
        with _OPENER.open(request, timeout=SECONDS) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        with error:
            return f"answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"was not reached: {_cause(error)}"
    return ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET of who knows whom: then the notice has not come through."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects, interim.Opens, interim.OpensSecure)


def _mail(url: str, notice: Notice, key: str) -> None:
    parts = urllib.parse.urlsplit(url)
    asked = {name: values[-1] for name, values in urllib.parse.parse_qs(parts.query).items()}
    if not parts.hostname or not asked.get("to"):
        raise UsageError(
            f"{place_of(url)}: a host and ?to=ADDRESS are needed", fix="smtp://HOST:25/?to=ops@example.com"
        )
    if trouble := _mailed(parts, _message(notice, asked, key)):  # as in `_post`
        raise ConnectionError(f"{place_of(url)} {trouble}")


def _mailed(parts: urllib.parse.SplitResult, message: email.message.EmailMessage) -> str:
    """What went wrong; "" if nothing has."""
    try:
        with _connected(parts) as server:
            refused = server.send_message(message)
    except smtplib.SMTPException as error:
        return f"answered {type(error).__name__} {getattr(error, 'smtp_code', '')}".rstrip()
    except (OSError, ValueError) as error:
        return f"was not reached: {_cause(error)}"
    return f"refused {len(refused)} of its addresses" if refused else ""


def _message(notice: Notice, asked: Mapping[str, str], key: str) -> email.message.EmailMessage:
    message = email.message.EmailMessage()
    message["Subject"] = f"[podium] {' '.join(notice.title.split())}"
    message["From"] = asked.get("from") or f"podium@{socket.gethostname() or 'localhost'}"
    message["To"] = asked["to"]
    message["Date"] = email.utils.formatdate()
    domain = message["From"].rpartition("@")[2].rstrip(">") or "localhost"
    message["Message-ID"] = f"<{urllib.parse.quote(key, safe='')}@{domain}>"
    message.set_content(notice.text)
    return message


def _connected(parts: urllib.parse.SplitResult) -> smtplib.SMTP:
    """Signed in where the URL has a password, which goes over TLS alone, but for this very host."""
    host, context = parts.hostname or "", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=SECONDS)
    try:
        server.ehlo()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif parts.scheme == "smtp" and parts.password and not _is_loopback(host):
            raise UsageError(
                f"smtp://{host}/… offers no TLS, and its password is not sent without", fix="smtps://"
            )
        if parts.username:
            unquote = urllib.parse.unquote
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _apprise(url: str, notice: Notice) -> None:
    """What the standard library does not reach: a package of many services, where it is installed."""
    if importlib.util.find_spec("apprise") is None:
        raise UsageError(
            f"{place_of(url)}: this kind of channel needs Apprise", fix="pip install 'podium[alerts]'"
        )
    # Apprise logs the URL. In a context without an attempt, its lines are not in the log of the alert's run.
    trouble = contextvars.Context().run(_notified, url, notice)
    if trouble is None:
        raise UsageError(
            f"{place_of(url)}: Apprise does not know this kind of channel", fix="see its list of services"
        )
    if trouble:  # as in `_post`
        raise ConnectionError(f"{place_of(url)} {trouble}")


def _notified(url: str, notice: Notice) -> str | None:
    """What went wrong; "" if nothing has, None for a URL of no service."""
    try:
        sink: Any = importlib.import_module("apprise").Apprise()
        if not sink.add(url):
            return None
        return "" if sink.notify(title=notice.title, body=notice.text) else "did not take it"
    except Exception as error:
        return f"was not reached: {type(error).__name__}"


def _cause(error: BaseException) -> str:
    """What went wrong, without the URL that some errors quote."""
    reason = getattr(error, "reason", None)
    error = reason if isinstance(reason, BaseException) else error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "timed out" if isinstance(error, TimeoutError) else type(error).__name__
