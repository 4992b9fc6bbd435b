from __future__ import annotations

from pathlib import Path

from origin.keystore.fault import Fault, KeystoreError


def test_a_fault_says_where_and_what() -> None:
    error = KeystoreError(Fault.INVALID, Path("keys.json"), "is not JSON")
    assert str(error) == "keys.json: is not JSON"
    assert (error.fault, error.where, error.detail) == (Fault.INVALID, Path("keys.json"), "is not JSON")
