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
