from __future__ import annotations

import pytest

from auth import Denied, KeyRing, Reason
from origin.edge.edge_secret import SecretProof
from tests.edge_parts import inbound

PROOF = SecretProof("x-edge", (b"new-secret-of-16", b"old-secret-of-16"))


@pytest.mark.parametrize("fields", [[("X-Edge", "new-secret-of-16")], [("a", "b"), ("x-edge", "old-secret-of-16")]])
def test_either_secret_is_a_proof(fields: list[tuple[str, str]]) -> None:
    shown = PROOF.check(inbound("/vod/a.ts", *fields), KeyRing(), 0)
    assert (shown.identity.name, shown.identity.client, shown.once) == ("secret", None, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([], Reason.ABSENT),
        ([("x-other", "new-secret-of-16")], Reason.ABSENT),
        ([("x-edge", "")], Reason.BAD_SIGNATURE),
        ([("x-edge", "new-secret-of-1")], Reason.BAD_SIGNATURE),
        ([("x-edge", "NEW-SECRET-OF-16")], Reason.BAD_SIGNATURE),
        ([("x-edge", "\udcff")], Reason.BAD_SIGNATURE),
        ([("x-edge", "ü")], Reason.BAD_SIGNATURE),
        ([("x-edge", "new-secret-of-16"), ("x-edge", "new-secret-of-16")], Reason.AMBIGUOUS),
    ],
)
def test_anything_else_is_none(fields: list[tuple[str, str]], reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        PROOF.check(inbound("/vod/a.ts", *fields), KeyRing(), 0)
    assert denied.value.reason is reason


def test_no_secrets_prove_nothing_and_none_is_shown() -> None:
    with pytest.raises(Denied):
        SecretProof("x-edge", ()).check(inbound("/vod/a.ts", ("x-edge", "")), KeyRing(), 0)
    assert "secret-of" not in repr(PROOF)
