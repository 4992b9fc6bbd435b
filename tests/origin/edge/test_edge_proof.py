from __future__ import annotations

import pytest

from origin.edge.edge_proof import EdgeProof, Trust

PROOF = EdgeProof(Trust.ASKS, "x-edge", (b"new-secret-of-16", b"old-secret-of-16"))


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ([("x-edge", "new-secret-of-16")], True),
        ([("a", "b"), ("x-edge", "old-secret-of-16")], True),
        ([], False),
        ([("x-edge", "")], False),
        ([("x-edge", "new-secret-of-1")], False),
        ([("x-edge", "NEW-SECRET-OF-16")], False),
        ([("x-other", "new-secret-of-16")], False),
        ([("x-edge", "new-secret-of-16"), ("x-edge", "new-secret-of-16")], False),
        ([("x-edge", "\udcff")], False),
        ([("x-edge", "ü")], False),
    ],
)
def test_holds(fields: list[tuple[str, str]], holds: bool) -> None:
    assert PROOF.holds(fields) is holds


def test_no_secrets_prove_nothing_and_none_is_shown() -> None:
    assert not EdgeProof(Trust.ASKS, "x-edge", ()).holds([("x-edge", "")])
    assert "secret-of" not in repr(PROOF)
