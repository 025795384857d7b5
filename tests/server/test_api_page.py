"""docs/api.md and the table of routes say the same: each route has a row, with the role that it asks for."""

from __future__ import annotations

import re

import click
import pytest

from podium.cli.main import command_line
from podium.server.access import Permission, Role
from podium.server.api import TABLE
from tests.tidy.source import ROOT

LEAST = {
    Permission.HEALTH: "nobody's",
    Permission.LOOK: Role.VIEWER,
    Permission.STEER: Role.OPERATOR,
    Permission.ADMINISTER: Role.ADMIN,
}
ROW = re.compile(r"^\| (`(?:GET|POST|PUT|DELETE) /.*?) \| ([\w']+) \| (.+) \|$", re.MULTILINE)


def as_written(path: str) -> str:
    """A path as the page has it: what is chosen in capitals, ids by one word."""
    return re.sub(
        r"\{(\w+)\}", lambda part: "ID" if part[1] in ("run", "callback") else part[1].upper(), path
    )


def rows(page: str) -> dict[str, list[str]]:
    """The role that the page names for each route, by method and path; two for a route with two rows."""
    found: dict[str, list[str]] = {}
    for places, role, _ in ROW.findall(page):
        first, *others = re.findall(r"`([^`]+)`", places)
        method, _, path = first.partition("?")[0].partition(" ")
        stem = path.rpartition("/")[0]
        for each in (path, *(f"{stem}/{other.lstrip('/')}" for other in others)):
            found.setdefault(f"{method} {each}", []).append(role)
    return found


PAGE = rows((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))
ROUTES = {f"{route.method} {as_written(route.path)}": route.permission for route in TABLE}


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_route_has_one_row_with_its_role(route: str) -> None:
    assert PAGE.get(route) == [LEAST[ROUTES[route]]]


def test_no_row_is_of_a_route_that_is_gone() -> None:
    assert PAGE.keys() == ROUTES.keys()


def test_each_command_says_its_routes_or_why_it_has_none() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = page.partition("## By command")[2].partition("\n## ")[0]
    said = dict[str, str]()
    for names, ways in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+) \|$", table, re.MULTILINE):
        said |= dict.fromkeys(re.findall(r"\w+", names), ways)
    assert said.keys() == set(command_line.list_commands(click.Context(command_line)))
    routes = {verb: re.findall(r"`((?:GET|POST) [^`]+)`", ways) for verb, ways in said.items()}
    assert {each for ways in routes.values() for each in ways} <= ROUTES.keys()
    without = {verb for verb, ways in routes.items() if not ways}
    assert {verb for verb, ways in said.items() if ways.startswith("none: ")} == without
