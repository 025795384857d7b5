"""Fifty accounts on httpbin: each has its own cookie, undisturbed and with a kill in the middle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.content_moderation.servers import Site, httpbin
from tests.examples.support import program, said
from tests.waiting import until

NAME = "examples.api_sessions"


@pytest.fixture(scope="module")
def _server() -> Iterator[Site]:
    with httpbin() as site:
        yield site


class Api:
    """A real httpbin, and what it was asked since."""

    def __init__(self, site: Site) -> None:
        self.url, self._log = site.url.partition("/links")[0], site.log
        self._before = len(self._log.read_text())

    def answers(self, path: str) -> list[str]:
        """The status of each answer to GETs of such paths, by the server's own log."""
        said = self._log.read_text()[self._before :]
        return re.findall(rf'"GET {path} HTTP/1.1" (\d+)', said)


@pytest.fixture
def api(_server: Site) -> Api:
    return Api(_server)


def test_each_of_fifty_accounts_has_its_own_cookie(api: Api, tmp_path: Path) -> None:
    assert said(tmp_path, NAME, api.url, "--seconds", "0.05").splitlines() == [
        "50 of 50 own cookies",
        "busy: given up, 503 SERVICE UNAVAILABLE",
        "wrong password: refused, 401 UNAUTHORIZED",
    ]
    assert api.answers(r"/status/503") == ["503"] * 4
    assert api.answers(r"/basic-auth/\S+").count("401") == 1
    assert api.answers(r"/delay/\S+") == ["200"] * 50


def test_killed_in_the_middle_it_goes_on_and_logs_in_again_where_it_must(api: Api, tmp_path: Path) -> None:
    first = program(tmp_path, NAME, api.url, "--seconds", "0.05")
    until(lambda: len(api.answers(r"/delay/\S+")) >= 20)
    first.kill()
    first.communicate()
    done = len(api.answers(r"/delay/\S+"))
    assert done < 50
    assert said(tmp_path, NAME, api.url, "--seconds", "0.05").startswith("50 of 50 own cookies\n")
    assert len(api.answers(r"/delay/\S+")) <= 50 + 16, "those that were under way are made again"
    assert api.answers(r"/status/503") == ["503"] * 4


def test_one_session_for_all_mixes_them_up(api: Api, tmp_path: Path) -> None:
    own = said(tmp_path, NAME, api.url, "--accounts", "12", "--seconds", "0", "--shared").partition(" of ")[0]
    assert int(own) < 12
