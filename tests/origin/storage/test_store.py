from __future__ import annotations

import pytest

from origin.storage.store import ObjectChanged, StoreError, StoreUnavailable, is_object_path
from tests.contracts.store import NO_OBJECT_PATHS


@pytest.mark.parametrize("path", ["a", "a/b.m4s", "...", "a..b/.c", " ", "%2e%2e", "a\\b"])
def test_object_paths(path: str) -> None:
    assert is_object_path(path)


@pytest.mark.parametrize("path", NO_OBJECT_PATHS[:18], ids=ascii)
def test_paths_no_object_can_have(path: str) -> None:
    assert not is_object_path(path)


def test_reasons_are_distinct() -> None:
    kinds = (StoreError, StoreUnavailable, ObjectChanged)
    assert len({kind.reason for kind in kinds}) == len(kinds)
    assert all(issubclass(kind, StoreError) for kind in kinds)
