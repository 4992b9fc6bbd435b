"""The API's own description is a valid one, and whole."""

from __future__ import annotations

from openapi_spec_validator import validate

from origin.control.openapi import document, page
from origin.control.routes import OPERATIONS


def test_it_is_openapi() -> None:
    validate(document(OPERATIONS))


def test_every_operation_is_described_once() -> None:
    paths = document(OPERATIONS)["paths"]
    assert isinstance(paths, dict)
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(one.method, one.path) for one in OPERATIONS}
    assert all(one.path in page(OPERATIONS) for one in OPERATIONS)


def test_parameters_and_missing_bodies_are_described() -> None:
    paths = document(OPERATIONS)["paths"]
    assert isinstance(paths, dict)
    lift = paths["/api/v1/revocations/{id}"]["delete"]
    assert "requestBody" not in lift
    assert [(one["name"], one["in"], one["required"]) for one in lift["parameters"]] == [("id", "path", True)]
    assert set(lift["responses"]) == {"204", "401", "403", "404", "503"}
    assert set(paths["/api/v1/revocations"]["get"]["responses"]) == {"200", "401", "403"}
    assert "503" in paths["/api/v1/revocations"]["post"]["responses"]
    names = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(set(names)) == len(names)
