"""The OpenAPI document, made of the table of routes and the types of their handlers."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from ..access import Permission
from ..http import ProblemAnswer, Response, Streamed
from ..routes import Route, Table
from ..service import Service

_REFS = "#/components/schemas/{name}"
_ERROR = {"description": "What went wrong", "content": {"application/json": {"schema": {
    "$ref": _REFS.format(name=ProblemAnswer.__name__)}}}}  # fmt: skip


def openapi(service: Service, table: Table) -> dict[str, Any]:
    """This API as OpenAPI 3.1."""
    kinds = [kind for route in table for kind in (route.query, route.body, route.answer) if _is_shape(kind)]
    found, components = msgspec.json.schema_components([*kinds, ProblemAnswer], ref_template=_REFS)
    schemas = dict(zip([*kinds, ProblemAnswer], found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Podium", "version": service.version},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _operation(route: Route, schemas: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    doc = inspect.cleandoc(route.handler.__doc__ or "")
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.parameters
    ]
    if route.query is not None:
        fields: dict[str, Any] = components[route.query.__name__]
        parameters += [
            {"name": name, "in": "query", "required": name in fields.get("required", ()), "schema": schema}
            for name, schema in fields["properties"].items()
        ]
    shown: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": doc.partition(".")[0],
        "description": doc,
        "x-permission": route.permission.value,
        "parameters": parameters,
        "responses": {"200": _answer(route, schemas), "default": _ERROR},
    }
    if route.body is not None:
        shown["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": schemas[route.body]}},
        }  # fmt: skip
    if route.permission is Permission.HEALTH:
        shown["security"] = []
    return shown


def _answer(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    if route.answer is Streamed:
        return {"description": "Server-sent events", "content": {"text/event-stream": {}}}
    if route.answer is Response:
        return {"description": "The value as it is on record, or text"}
    schema: Any = schemas.get(route.answer, {"type": "object"})
    return {"description": "Done", "content": {"application/json": {"schema": schema}}}
