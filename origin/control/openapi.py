"""The route table as an OpenAPI 3.1 document, and that document as a page for people."""

from __future__ import annotations

import re
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
_UNAVAILABLE = {"503": "It cannot be done now; Retry-After tells when to try again."}
_ABSENT = {"404": "There is none."}
_PARAMETER = re.compile(r"{([a-z]+)}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: what it takes and gives (None: no body), and what an API key must be allowed for it."""

    method: str
    path: str
    summary: str
    permission: Permission
    takes: type[BaseModel] | None
    gives: type[BaseModel] | None
    needs_store: bool = False  # it may have to wait until what the fleet shares is there again


def document(operations: Sequence[Operation]) -> dict[str, object]:
    """The OpenAPI document of these operations."""
    bodies = [model for one in operations for model in (one.takes, one.gives) if model is not None]
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
        f"<td>{one.permission}</td><td><code>{_name(one.takes)}</code> → <code>{_name(one.gives)}</code></td></tr>"
        for one in operations
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Headgate control API</title>'
        "<h1>Headgate control API</h1><p>Send <code>Authorization: Bearer</code> with an API key. "
        'The whole description: <a href="/openapi.json">openapi.json</a>.</p>'
        f"<table><tr><th>operation</th><th>does</th><th>permission</th><th>body</th></tr>{rows}</table></html>"
    )


def _operation(one: Operation) -> dict[str, object]:
    name = _PARAMETER.sub(r"by_\1", one.path.removeprefix("/api/v1/")).replace("/", "_")
    parameters = _PARAMETER.findall(one.path)
    described: dict[str, object] = {
        "operationId": f"{name}_{one.method.lower()}",
        "summary": one.summary,
        "security": [{"api_key": []}],
    }
    if parameters:
        described["parameters"] = [
            {"name": each, "in": "path", "required": True, "schema": {"type": "string"}} for each in parameters
        ]
    if one.takes is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(one.takes)}}}
    return described | {"responses": {**_success(one), **_failures(one, has_parameters=bool(parameters))}}


def _success(one: Operation) -> dict[str, object]:
    if one.gives is None:
        return {"204": {"description": "Done."}}
    return {"200": {"description": "Done.", "content": {"application/json": {"schema": _schema(one.gives)}}}}


def _failures(one: Operation, *, has_parameters: bool) -> dict[str, object]:
    needs_body = {"400", "413", "415", "422"}
    words = {status: said for status, said in _FAILURES.items() if one.takes is not None or status not in needs_body}
    words |= _ABSENT if has_parameters else {}
    words |= _UNAVAILABLE if one.needs_store else {}
    return {
        status: {"description": said, "content": {"application/problem+json": {"schema": _schema(Failure)}}}
        for status, said in words.items()
    }


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _name(model: type[BaseModel] | None) -> str:
    return "nothing" if model is None else model.__name__
