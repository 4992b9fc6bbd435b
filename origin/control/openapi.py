"""The route table as an OpenAPI 3.1 document, and that document as a page for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from origin import __version__
from origin.control.api_keys import Permission
from origin.control.schemas import Failure

_REFERENCE = "#/components/schemas/{model}"
_FAILURES = {
    "400": "It cannot be understood.",
    "401": "No API key.",
    "403": "The API key may not.",
    "413": "It is too large.",
    "415": "It is no JSON.",
    "422": "It cannot be done.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: what it takes and gives, and what an API key must be allowed for it."""

    method: str
    path: str
    summary: str
    permission: Permission
    takes: type[BaseModel]
    gives: type[BaseModel]


def document(operations: Sequence[Operation]) -> dict[str, object]:
    """The OpenAPI document of these operations."""
    bodies = [model for one in operations for model in (one.takes, one.gives)]
    models: list[type[BaseModel]] = list(dict.fromkeys([Failure, *bodies]))
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    paths: dict[str, dict[str, object]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headgate control API", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer"}},
        },
    }


def page(operations: Sequence[Operation]) -> str:
    """The operations as one plain page."""
    rows = "".join(
        f"<tr><td><code>{one.method} {escape(one.path)}</code></td><td>{escape(one.summary)}</td>"
        f"<td>{one.permission}</td><td><code>{one.takes.__name__}</code> → <code>{one.gives.__name__}</code></td></tr>"
        for one in operations
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Headgate control API</title>'
        "<h1>Headgate control API</h1><p>Send <code>Authorization: Bearer</code> with an API key. "
        'The whole description: <a href="/openapi.json">openapi.json</a>.</p>'
        f"<table><tr><th>operation</th><th>does</th><th>permission</th><th>body</th></tr>{rows}</table></html>"
    )


def _operation(one: Operation) -> dict[str, object]:
    name = one.path.removeprefix("/api/v1/").replace("/", "_")
    failures = {
        status: {"description": words, "content": {"application/problem+json": {"schema": _schema(Failure)}}}
        for status, words in _FAILURES.items()
    }
    return {
        "operationId": f"{name}_{one.method.lower()}",
        "summary": one.summary,
        "security": [{"api_key": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _schema(one.takes)}}},
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": _schema(one.gives)}}},
            **failures,
        },
    }


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
