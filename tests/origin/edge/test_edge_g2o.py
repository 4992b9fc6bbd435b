from __future__ import annotations

from ipaddress import ip_address

import pytest

from auth import Algorithm, Denied, Key, KeyRing, Reason
from auth.g2o import EdgeClaims, mint
from auth.secret import Secret
from origin.edge.edge_g2o import G2oProof
from origin.serving.inbound import Inbound
from tests.edge_parts import inbound

NOW = 1_800_000_000
KEY = Key("edge-1", Algorithm.SHARED, Secret(b"an-edge-secret-of-32-characters!"))
RINGS = {"edges": KeyRing([KEY])}
PROOF = G2oProof("edges")


def signed(unique: str = "u1", client: str = "203.0.113.9", path: str = "/vod/a.ts", query: str = "x=1") -> Inbound:
    claims = EdgeClaims(ip_address("198.51.100.1"), ip_address(client), NOW, unique, KEY.id)
    return inbound(path, *mint(claims, "/vod/a.ts?x=1", KEY), query=query)


@pytest.mark.parametrize(
    ("client", "read"), [("203.0.113.9",) * 2, ("2001:db8::1",) * 2, ("::ffff:203.0.113.9", "203.0.113.9")]
)
def test_a_signature_proves_its_key_and_names_the_viewer(client: str, read: str) -> None:
    shown = PROOF.check(signed(client=client), RINGS, NOW)
    assert (shown.identity.name, shown.identity.client) == ("edge-1", ip_address(read))
    assert shown.once is not None
    assert shown.once.seconds >= 60


def test_each_request_has_its_own_id() -> None:
    names = {shown.once.name for unique in "ab" if (shown := PROOF.check(signed(unique), RINGS, NOW)).once is not None}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("asked", "now", "reason"),
    [
        (inbound("/vod/a.ts"), NOW, Reason.ABSENT),
        (signed(), NOW + 31, Reason.EXPIRED),
        (signed(), NOW - 31, Reason.NOT_YET_VALID),
        (signed(path="/vod/b.ts"), NOW, Reason.BAD_SIGNATURE),
        (signed(query=""), NOW, Reason.BAD_SIGNATURE),
    ],
)
def test_what_proves_nothing(asked: Inbound, now: float, reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        PROOF.check(asked, RINGS, now)
    assert denied.value.reason is reason


def test_keys_of_other_rings_prove_nothing() -> None:
    with pytest.raises(Denied) as denied:
        G2oProof("main").check(signed(), RINGS, NOW)
    assert denied.value.reason is Reason.UNKNOWN_KEY
