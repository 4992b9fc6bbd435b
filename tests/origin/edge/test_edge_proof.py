from __future__ import annotations

import pytest

from auth import Algorithm, Denied, KeyRing, Reason
from auth.http_signatures import Component, sign
from origin.edge.edge_identity import EdgeIdentity, ProofResult
from origin.edge.edge_proof import EdgeProof, Trust, prove
from origin.edge.edge_secret import SecretProof
from origin.edge.edge_signature import SignatureProof
from origin.keystore.generate import new_key
from origin.serving.inbound import Inbound
from tests.edge_parts import inbound

NOW = 1_800_000_000
KEY = new_key(Algorithm.ED25519, "edge-1")
SIGNATURE = SignatureProof.covering("edges", ("@path",), 60)
SECRET = SecretProof("x-edge", (b"an-edge-secret",))
SIGNED = inbound("/vod/a.ts", *sign(inbound("/vod/a.ts").facts, KEY, NOW, (Component("@path"),), nonce="n"))


class Once:
    """Remembers what was used; away when it is told to be."""

    def __init__(self, is_away: bool = False) -> None:
        self.used: list[str] = []
        self.is_away = is_away

    async def __call__(self, name: str, _seconds: float) -> bool:
        if self.is_away:
            raise Denied(Reason.STORE_UNAVAILABLE)
        is_first = name not in self.used
        self.used.append(name)
        return is_first


async def proven(
    way: SignatureProof | SecretProof, asked: Inbound, once: Once
) -> tuple[EdgeIdentity | None, list[ProofResult]]:
    told: list[ProofResult] = []
    edge = await prove(EdgeProof(Trust.ASKS, way), asked, {"edges": KeyRing([KEY])}, NOW, once, told.append)
    return edge, told


async def test_a_signature_is_good_once() -> None:
    once = Once()
    assert await proven(SIGNATURE, SIGNED, once) == (EdgeIdentity("edge-1"), [ProofResult.OK])
    assert await proven(SIGNATURE, SIGNED, once) == (None, [ProofResult.REPLAYED])


async def test_nobody_is_an_edge_while_the_store_is_away() -> None:
    assert await proven(SIGNATURE, SIGNED, Once(is_away=True)) == (None, [ProofResult.UNAVAILABLE])


async def test_a_bad_proof_uses_nothing_up() -> None:
    once = Once()
    assert await proven(SIGNATURE, inbound("/vod/a.ts"), once) == (None, [ProofResult.ABSENT])
    altered = inbound("/vod/b.ts", *SIGNED.fields.items())
    assert await proven(SIGNATURE, altered, once) == (None, [ProofResult.INVALID])
    assert once.used == []


async def test_a_secret_is_shown_again_and_again() -> None:
    asked, once = inbound("/vod/a.ts", ("x-edge", "an-edge-secret")), Once(is_away=True)
    for _ in range(2):
        assert await proven(SECRET, asked, once) == (EdgeIdentity("secret"), [ProofResult.OK])


@pytest.mark.parametrize(
    ("trust", "way", "reason", "asks"),
    [
        (Trust.VERIFIES, SIGNATURE, Reason.ABSENT, True),
        (Trust.VERIFIES, SIGNATURE, Reason.EXPIRED, False),
        (Trust.ASKS, SIGNATURE, Reason.ABSENT, False),
        (Trust.VERIFIES, SECRET, Reason.ABSENT, False),
    ],
)
def test_a_signature_is_asked_for_where_it_would_have_been_enough(
    trust: Trust, way: SignatureProof | SecretProof, reason: Reason, asks: bool
) -> None:
    expected = (("Accept-Signature", SIGNATURE.wanted),) if asks else ()
    assert EdgeProof(trust, way).challenge(Denied(reason)) == expected
