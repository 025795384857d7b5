"""An API with accounts, as httpbin is one: sessions with cookies and basic auth. Knows HTTP alone."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT = 20.0  # s


class Unavailable(Exception):
    """The API did not answer, or not now: worth another try."""


class Refused(Exception):
    """The API does not let us in: no use in another try."""


class Session:
    """What one account sees: its cookies, and its name and password."""

    def __init__(self, api: str, account: str, password: str) -> None:
        self._api = api
        self.account = account
        secret = base64.b64encode(f"{account}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"}
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def log_in(self) -> None:
        """Show the password, and get a cookie with the account's name. Raises Unavailable, Refused."""
        self.get(f"/basic-auth/{self.account}/{password_of(self.account)}")
        self.get(f"/cookies/set/account/{self.account}")

    def get(self, path: str) -> dict[str, Any]:
        """What is there, as JSON. Raises Unavailable, Refused."""
        request = urllib.request.Request(self._api + path, headers=self._headers)
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection, for as long as anybody has the error
            if error.code < 500 and error.code != 429:
                raise Refused(f"{error.code} {error.reason}") from error
            raise Unavailable(f"{error.code} {error.reason}") from error
        except OSError as error:
            raise Unavailable(str(error)) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._opener.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def password_of(account: str) -> str:
    """What the API wants to hear of an account."""
    return f"secret-of-{account}"
