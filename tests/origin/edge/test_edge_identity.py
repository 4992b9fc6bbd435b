from __future__ import annotations

import pytest

from auth import Denied, Reason
from origin.edge.edge_identity import Once, ProofResult, result_of


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        (Reason.ABSENT, ProofResult.ABSENT),
        (Reason.EXPIRED, ProofResult.EXPIRED),
        (Reason.NOT_YET_VALID, ProofResult.EXPIRED),
        (Reason.UNKNOWN_KEY, ProofResult.UNKNOWN_KEY),
        (Reason.KEY_NOT_IN_FORCE, ProofResult.UNKNOWN_KEY),
        (Reason.REPLAYED, ProofResult.REPLAYED),
        (Reason.STORE_UNAVAILABLE, ProofResult.UNAVAILABLE),
        (Reason.BAD_SIGNATURE, ProofResult.INVALID),
        (Reason.AMBIGUOUS, ProofResult.INVALID),
    ],
)
def test_every_refusal_has_a_result(reason: Reason, result: ProofResult) -> None:
    assert result_of(Denied(reason)) is result


def test_what_is_shown_once_is_told_apart_by_key_and_text() -> None:
    names = {Once.of(key, text, 1).name for key, text in (("a", "b"), ("a", "c"), ("b", "b"))}
    assert len(names) == 3
    assert {len(name) for name in names} == {64}
