"""The OpenAPI document is true of the server, and a caller that follows it breaks nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium import App, TaskFailed
from podium.server.api import TABLE
from tests.server.conftest import Server, adds, breaks, serving

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def test_every_route_is_described_with_what_it_asks_for(server: Server) -> None:
    document = server.ask("/api/openapi.json").json
    described = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert described.keys() == {(route.method, route.path) for route in TABLE}
    assert all(operation["summary"] for operation in described.values())
    permissions = {route.permission.value for route in TABLE}
    assert {operation["x-permission"] for operation in described.values()} == permissions
    ids = [operation["operationId"] for operation in described.values()]
    assert len(set(ids)) == len(ids)
    missing = {
        text for text in refs(document) if text.rpartition("/")[2] not in document["components"]["schemas"]
    }
    assert not missing


def refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(refs, node.values()))
    return set().union(*map(refs, node)) if isinstance(node, list) else set()


def test_answers_have_the_fields_that_are_described(server: Server) -> None:
    adds.options(id="good").run(2)
    document = server.ask("/api/openapi.json").json
    for path, methods in document["paths"].items():
        schema = (
            methods.get("get", {})
            .get("responses", {})
            .get("200", {})
            .get("content", {})
            .get("application/json")
        )
        if schema is None or "{name}" in path:  # there is no schedule
            continue
        where = path.replace("{run}", "good")
        needed = [p["name"] for p in methods["get"]["parameters"] if p["in"] == "query" and p["required"]]
        answer = server.ask(where + ("?verb=cancel" if needed else ""))
        assert answer.status == 200, (where, answer.body)
        shape = document["components"]["schemas"].get(schema["schema"].get("$ref", "").rpartition("/")[2], {})
        assert set(shape.get("required", ())) <= answer.json.keys() <= {*shape.get("properties", answer.json)}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One server for all examples."""

    folder = tmp_path_factory.mktemp("fuzzed")
    with App(folder / "podium.db") as app, serving(app, folder) as server:
        adds.options(id="good").run(2)
        with pytest.raises((ValueError, TaskFailed)):
            breaks.options(id="bad").run("so")
        yield server


def value(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a field of a query string may be: as described, at its edges, and not at all so."""
    kinds = [schema.get("type"), *(one.get("type") for one in schema.get("anyOf", ()))]
    fitting = [TEXT]
    if "integer" in kinds or "number" in kinds:
        fitting += [st.integers(-2, 1001).map(str), st.integers().map(str), st.floats().map(str)]
    if "enum" in schema:
        fitting.append(st.sampled_from(schema["enum"]))
    words = (
        "status:failed",
        "ended:1d",
        "good",
        "bad",
        "",
        "1d",
        "input.n:2",
        "-status:done",
        "tag:",
        '"',
        ">",
        "id:",
    )
    return st.one_of(*fitting, st.sampled_from(words))


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_request_that_follows_the_document_is_our_fault(asked: Server, data: st.DataObject) -> None:
    document = fuzzed(asked)
    path, method = data.draw(st.sampled_from(document["all"]))
    operation = document["paths"][path][method]
    where = path
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            drawn = data.draw(st.sampled_from(("good", "bad", "none", "cancel")) | TEXT)
            where = where.replace(f"{{{parameter['name']}}}", quote(drawn, safe=""))
    fields = {
        p["name"]: data.draw(value(p["schema"]))
        for p in operation["parameters"]
        if p["in"] == "query" and (p["required"] or data.draw(st.booleans()))
    }
    if where.endswith("/wait"):
        fields["timeout"] = "0"
    body = None
    if "requestBody" in operation:
        known = {"function": adds.name, "input": {"n": 1}, "q": "id:none", "count": 0}
        members = data.draw(st.dictionaries(st.sampled_from(sorted(known)), st.sampled_from([True, False])))
        body = {name: known[name] if plain else data.draw(JSON) for name, plain in members.items()}
        if data.draw(st.integers(0, 9)) == 0:
            body = data.draw(JSON)
    reply = asked.ask(f"{where}?{urlencode(fields)}" if fields else where, method.upper(), body)
    assert reply.status < 500 or reply.status == 503, (where, fields, body, reply.body)
    if reply.status >= 400:
        assert json.loads(reply.body)["error"]["code"].startswith("E")


def fuzzed(server: Server) -> Any:
    """The document, and its operations but for the stream, which has no end."""
    if not hasattr(server, "document"):
        document = server.ask("/api/openapi.json").json
        document["all"] = [(p, m) for p, ms in document["paths"].items() for m in ms if p != "/api/events"]
        server.document = document
    return server.document
