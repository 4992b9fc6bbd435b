from __future__ import annotations

from dataclasses import replace

import pytest

from auth import Algorithm, Denied, KeyRing, Reason
from auth.http_signatures import Component, sign
from origin.edge.edge_signature import SignatureProof
from origin.keystore.generate import new_key
from origin.serving.inbound import Inbound
from tests.edge_parts import inbound

NOW = 1_800_000_000
KEY, OTHER = new_key(Algorithm.ED25519, "edge-1"), new_key(Algorithm.ED25519, "edge-9")
RINGS = {"edges": KeyRing([KEY]), "main": KeyRing([OTHER])}
COVERED = ("@method", "@authority", "@path", "@query")
PROOF = SignatureProof.covering("edges", COVERED, 60)


def signed(covered: tuple[str, ...] = COVERED, nonce: str | None = "n1", created: int = NOW) -> Inbound:
    plain = inbound("/vod/a.ts", query="x=1")
    fields = sign(plain.facts, KEY, created, tuple(map(Component, covered)), nonce=nonce)
    return inbound("/vod/a.ts", *fields, query="x=1")


def test_a_signature_proves_its_key_once() -> None:
    first, second = PROOF.check(signed(), RINGS, NOW), PROOF.check(signed(nonce="n2"), RINGS, NOW)
    assert first.identity.name == "edge-1"
    assert first.once is not None
    assert second.once is not None
    assert first.once.name != second.once.name
    assert first.once.seconds >= PROOF.policy.max_age + 2 * PROOF.policy.skew


@pytest.mark.parametrize(
    ("asked", "now", "reason"),
    [
        (inbound("/vod/a.ts"), NOW, Reason.ABSENT),
        (signed(), NOW + 66, Reason.EXPIRED),
        (signed(), NOW - 6, Reason.NOT_YET_VALID),
        (signed(nonce=None), NOW, Reason.MALFORMED),
        (signed(COVERED[:3]), NOW, Reason.SCOPE_MISSING),
    ],
)
def test_what_proves_nothing(asked: Inbound, now: float, reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        PROOF.check(asked, RINGS, now)
    assert denied.value.reason is reason


@pytest.mark.parametrize("change", [{"path": "/vod/b.ts"}, {"query": "x=2"}, {"method": "HEAD"}, {"authority": "b"}])
def test_what_is_covered_cannot_be_changed(change: dict[str, str]) -> None:
    asked = signed()
    with pytest.raises(Denied) as denied:
        PROOF.check(replace(asked, facts=replace(asked.facts, **change)), RINGS, NOW)  # type: ignore[arg-type]
    assert denied.value.reason is Reason.BAD_SIGNATURE


def test_keys_of_other_rings_prove_nothing() -> None:
    with pytest.raises(Denied) as denied:
        replace(PROOF, keys="main").check(signed(), RINGS, NOW)
    assert denied.value.reason is Reason.UNKNOWN_KEY


def test_a_signature_is_asked_for() -> None:
    assert PROOF.wanted == 'sig1=("@method" "@authority" "@path" "@query");created;nonce'
