"""The table of routes. Each names its permission; what is not in the table is not there.

A handler is a plain function of what it names: `service`, the path's parameters, `query` and `body`
(structs), `caller`, `request`. Its annotations say how query and body are read and what the answer holds,
and make the OpenAPI document.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .access import Permission

_PARAMETER = re.compile(r"\{(\w+)\}")
_GIVEN = ("service", "table", "request", "query", "body", "caller", "return")


@dataclass(frozen=True)
class Route:
    """One method of one path: who may, and what is done."""

    method: str
    path: str  # "/api/runs/{run}"
    permission: Permission
    handler: Callable[..., Any]
    slashes: str = ""  # the parameter that may hold slashes, such as the name of a schedule; an id has none
    hints: dict[str, Any] = field(init=False)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hints", typing.get_type_hints(self.handler))
        pattern = _PARAMETER.sub(self._parameter, self.path)  # what else they may hold their reader decides
        object.__setattr__(self, "pattern", re.compile(pattern))

    def _parameter(self, found: re.Match[str]) -> str:
        name = found[1]
        return f"(?P<{name}>.+)" if name == self.slashes else f"(?P<{name}>[^/]+)"

    @property
    def parameters(self) -> list[str]:
        """Names in the path."""
        return _PARAMETER.findall(self.path)

    @property
    def query(self) -> type[msgspec.Struct] | None:
        """What the query string is read as."""
        return self.hints.get("query")

    @property
    def body(self) -> type[msgspec.Struct] | None:
        """What the body is read as."""
        return self.hints.get("body")

    @property
    def answer(self) -> Any:
        """What the handler returns."""
        return self.hints.get("return")

    @property
    def is_change(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"

    @property
    def is_async(self) -> bool:
        """Whether the handler only waits, and so needs no thread."""
        return inspect.iscoroutinefunction(self.handler)


class Table:
    """Routes by path. Raises TypeError for a route that cannot be."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: list[Route] = []
        for route in routes:
            _check(route)
            self._routes.append(route)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def match(self, method: str, path: str) -> tuple[Route | None, dict[str, str], list[str]]:
        """The route, its path parameters, and the methods that this path has. HEAD is asked as GET."""
        methods: list[str] = []
        wanted = "GET" if method == "HEAD" else method
        for route in self._routes:
            found = route.pattern.fullmatch(path)
            if found:
                if route.method == wanted:
                    return route, found.groupdict(), []
                methods.append(route.method)
        return None, {}, methods


def _check(route: Route) -> None:
    where = f"{route.method} {route.path}"
    given: Any = route.permission
    if not isinstance(given, Permission):
        raise TypeError(f"{where}: a route names its permission")
    taken = set(inspect.signature(route.handler).parameters)
    unknown = taken - {*_GIVEN, *route.parameters}
    if unknown or not set(route.parameters) <= taken:
        raise TypeError(f"{where}: its handler takes {sorted(taken)}")
