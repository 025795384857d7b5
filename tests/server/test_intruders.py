"""Nobody gets in who is not let in: asked of a real server, for every route of its table."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from podium import UsageError
from podium.env import RealEnv
from podium.server import Access, Binding, Listener, Service
from podium.server.access import Permission
from podium.server.api import TABLE
from podium.server.routes import Route, Table
from tests.server.conftest import Server

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PATHS = sorted({route.path.replace("{", "").replace("}", "") for route in TABLE})
OTHERS = (
    "/", "/index.html", "/runs", "/runs/x", "/../pyproject.toml", "/%2e%2e/api/me", "//api/me", "/API/me",
    "/api/me/", "/health/", "/health/../api/me", "/.git/config",
)  # fmt: skip


@pytest.mark.parametrize("path", [*PATHS, *OTHERS])
def test_without_a_token_only_the_health_path_answers(shared: Server, path: str) -> None:
    for method in METHODS:
        for token in ("", "x" * 43):
            reply = shared.ask(path, method, {} if method == "POST" else None, token)
            assert path == "/health" or not 200 <= reply.status < 300, (method, token)
            assert b"podium.db" not in reply.body


@pytest.mark.parametrize(
    "route", [r for r in TABLE if r.method != "GET"], ids=lambda r: f"{r.method} {r.path}"
)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_change_from_another_site_is_refused(shared: Server, route: Route, origin: str) -> None:
    path = route.path.replace("{", "").replace("}", "")
    assert shared.ask(path, route.method, {}, Origin=origin).status == 403
    assert shared.ask(path, route.method, {}, Sec_Fetch_Site="cross-site").status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1:7070.evil.example", ""]
)
def test_a_request_by_another_name_is_refused(shared: Server, host: str) -> None:
    assert shared.ask("/api/me", Host=host).status in (400, 421)
    assert shared.ask("/health", Host=host).status in (400, 421)


def test_the_link_lets_a_browser_in_once_and_leaves_no_token_behind(shared: Server) -> None:
    reply = shared.ask(f"/runs?q=a&token={shared.access.token}", token="")
    assert (reply.status, reply.headers["location"]) == (303, "/runs?q=a")
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert shared.access.token not in cookie
    shown = cookie.partition(";")[0]
    assert shared.ask("/api/me", token="", Cookie=shown).json["role"] == "admin"
    assert shared.ask("/api/me", token="", Cookie=shown[:-1]).status == 401
    assert shared.ask(f"/?token={'x' * 43}", token="").status == 401


def test_every_answer_forbids_what_a_page_does_not_need(shared: Server) -> None:
    for path in ("/", "/api/me", "/health", "/none"):
        headers = shared.ask(path).headers
        assert "default-src 'none'; script-src 'self';" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


# -- tokens --------------------------------------------------------------------------------------------


def test_the_token_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "podium.db-token"
    token = Access(file).token
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) >= 43
    assert Access(file).token == token


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    Access(file)
    file.chmod(0o640)
    with pytest.raises(UsageError, match="can be read by others"):
        Access(file)


def test_a_link_in_the_place_of_the_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is a link"):
        Access(tmp_path / "token")
    assert not (tmp_path / "elsewhere").exists()


def test_a_role_may_what_it_may_from_the_next_request_on(server: Server, tmp_path: Path) -> None:
    with open(tmp_path / "podium.db-token", "a", encoding="utf-8") as file:
        file.write(f"viewer ann {'v' * 43}\n")
    assert server.ask("/api/me", token="v" * 43).json["role"] == "viewer"
    for route in TABLE:
        path = route.path.replace("{", "").replace("}", "")
        reply = server.ask(path, route.method, {} if route.method == "POST" else None, "v" * 43)
        allowed = route.permission in (Permission.HEALTH, Permission.LOOK)
        assert (reply.status == 403) is not allowed, route.path


# -- what cannot be built --------------------------------------------------------------------------------


def test_a_route_without_a_permission_cannot_be() -> None:
    def handler() -> None: ...

    nobody: Any = None
    with pytest.raises(TypeError, match="a route names its permission"):
        Table([Route("GET", "/api/x", nobody, handler)])


def test_only_a_parameter_that_is_said_to_hold_slashes_does() -> None:
    def handler(name: str) -> None: ...

    for slashes, held in (("", False), ("name", True)):
        table = Table([Route("GET", "/api/x/{name}/y", Permission.LOOK, handler, slashes)])
        assert (table.match("GET", "/api/x/a/b/y")[0] is not None) is held
        assert table.match("GET", "/api/x/a/y")[1] == {"name": "a"}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_beyond_this_machine_it_listens_only_with_tls_or_behind_a_proxy(shared: Server, host: str) -> None:
    service = Service(shared.app, shared.access, "")
    with pytest.raises(UsageError, match="can be reached by others"):
        Listener(service, Binding(host, 0), RealEnv())


def test_a_port_that_is_taken_is_an_error_before_anything_is_served(shared: Server) -> None:
    taken = int(shared.host.rpartition(":")[2])
    with pytest.raises(UsageError, match="cannot listen at"):
        Listener(Service(shared.app, shared.access, ""), Binding(port=taken), RealEnv())


def test_the_link_leads_to_no_other_server(shared: Server) -> None:
    for path in ("//evil.example/", "///evil.example", "/%0d%0aset-cookie:a=b"):
        reply = shared.ask(f"{path}?token={shared.token}", token="")
        assert reply.status == 303
        assert reply.headers["location"].startswith("/")
        assert not reply.headers["location"].startswith("//")
        assert reply.headers["set-cookie"].startswith("podium_")


def test_a_file_of_tokens_that_is_gone_or_open_lets_nobody_in(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "podium.db-token"
    token = server.token
    file.chmod(0o644)
    for refused in (server.ask("/api/me", token=token), server.ask(f"/?token={token}", token="")):
        assert (refused.status, str(tmp_path).encode() in refused.body) == (503, False)
    file.unlink()
    assert server.ask(f"/?token={token}", token="").status == 401
    assert server.ask("/api/me", token=token).status == 401
