"""Requests made of our own OpenAPI document, and what spoils them: no route answers with a fault of ours."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil
import pytest

from podium import App
from tests.server.conftest import Server, adds, breaks, gate, serving

ROUNDS = 12  # requests of each operation
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 10**30, 1e308, "", "\x00", "\ud7ff", "é" * 300, "../..", "%2e%2e", "1' or '1",
    "status:failed", "created:>2h", "input.a.b:1", "id:", "2026-13-45", [], {}, [[[[1]]]], {"a": {"b": None}},
)  # fmt: skip
STREAMS = ("/api/events",)  # they have no end


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Server]:
    gate.set()  # what a request starts is to end
    with App(tmp_path / "podium.db") as app, serving(app, tmp_path) as server:
        adds.options(id="good").run(2)
        with pytest.raises(ValueError, match="so"):
            breaks.options(id="bad").run("so")
        yield server
    gate.clear()


class Maker:
    """Makes values of JSON Schemas, some of them spoilt."""

    def __init__(self, document: dict[str, Any], seed: int) -> None:
        self.schemas, self.chance = document["components"]["schemas"], random.Random(seed)

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """One that fits, or, one time in six, does not."""
        if self.chance.random() < 1 / 6 or depth > 6:
            return self.chance.choice(ODD)
        if "$ref" in schema:
            return self.value(self.schemas[schema["$ref"].rpartition("/")[2]], depth)
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return self.value(self.chance.choice(schema[several]), depth + 1)
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        if schema.get("type") == "object":
            named = {
                name: self.value(kind, depth + 1)
                for name, kind in schema.get("properties", {}).items()
                if name in schema.get("required", ()) or self.chance.random() < 0.5
            }
            return named | ({"unknown": 1} if self.chance.random() < 0.05 else {})
        if schema.get("type") == "array":
            return [self.value(schema.get("items", {}), depth + 1) for _ in range(self.chance.randint(0, 3))]
        if schema.get("type") in ("integer", "number"):
            return self.chance.choice([schema.get("minimum", 0), schema.get("maximum", 9), 1, 50])
        if schema.get("type") == "boolean":
            return self.chance.random() < 0.5
        return self.chance.choice(["good", "bad", "status:failed", adds.name, breaks.name, "cancel", *ODD])

    def path(self, template: str) -> str:
        """With its parameters filled in."""
        filled = template
        for name in ("run", "name", "verb", "callback"):
            one = self.chance.choice(["good", "bad", "none", "retry", *(text for text in ODD if text)])
            filled = filled.replace(f"{{{name}}}", quote(str(one), safe=""))
        return filled


def requests(document: dict[str, Any], seed: int) -> Iterator[tuple[str, str, bytes | None]]:
    maker = Maker(document, seed)
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            for _ in range(ROUNDS if template not in STREAMS else 0):
                query = {
                    one["name"]: maker.value(one["schema"])
                    for one in operation["parameters"]
                    if one["in"] == "query" and maker.chance.random() < 0.7
                }
                if "timeout" in query:
                    query["timeout"] = 0
                path = maker.path(template) + (f"?{urlencode(query)}" if query else "")
                body = None
                if "requestBody" in operation:
                    schema = operation["requestBody"]["content"]["application/json"]["schema"]
                    body = json.dumps(maker.value(schema)).encode()
                    if maker.chance.random() < 0.1:
                        body = maker.chance.choice(
                            [b"", b"{", b"\xff\xfe", b"[" * 5000, b"nul", b'{"a":1e999}']
                        )
                yield method.upper(), path, body


@pytest.mark.parametrize("seed", [1, 2])
def test_no_request_that_can_be_made_of_the_document_is_answered_with_a_fault(
    filled: Server, seed: int
) -> None:
    document = filled.ask("/api/openapi.json").json
    process = psutil.Process(os.getpid())
    faults: list[str] = []
    answered: set[int] = set()
    before = 0
    for number, (method, path, body) in enumerate(requests(document, seed)):
        reply = filled.ask(path, method, body, content_type="application/json")
        answered.add(reply.status)
        if reply.status >= 500:
            faults.append(f"{method} {path} {body!r}: {reply.status} {reply.body!r}")
        if number == 100:  # all is loaded
            before = process.memory_info().rss
    assert faults == []
    assert {200, 400, 404, 409} <= answered
    assert process.memory_info().rss - before < 64 * 2**20
