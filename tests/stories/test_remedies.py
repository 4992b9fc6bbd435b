"""A Common Access Token says what a viewer is told where it does not suffice."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from auth import cose, strict_cbor
from auth.strict_cbor import CborMap
from tests.stories.gateway import Gateway, running

ORIGIN = "Origin: https://player.example"
LOGIN = "https://auth.example/login?from=cdn"
EXP, CTI, CATREPLAY, CATM, CATIF = 4, 7, 308, 313, 322
# One redirect, one status, for each that is refused by the judge, and one that the ledger refuses.
REMEDIES: CborMap = {EXP: [307, {"Location": LOGIN}], CATM: [401], CATREPLAY: [303, {"Location": LOGIN}]}
SIGNED: dict[str, object] = {
    "prefix": "/vod",
    "storage": "file:media",
    "access": "signed",
    "keys": "main",
    "dialects": ["cat"],
    "require_path_scope": False,
    "leeway_seconds": 0,
    "tokens": {"cat": {"options": {"redirect_hosts": ["auth.example"]}}},
}


def token(gateway: Gateway, lifetime: float = 600, more: CborMap | None = None) -> str:
    """A token with these remedies; `more` are claims by label."""
    payload: CborMap = {EXP: int(time.time() + lifetime), CATIF: REMEDIES, **(more or {})}
    key = gateway.ring.find("k1")
    assert key is not None
    return cose.sign(strict_cbor.dumps(payload), key).reveal()


async def test_a_token_says_where_to_go(tmp_path: Path) -> None:
    async with running(tmp_path, [SIGNED]) as gateway:
        gateway.put("film/1.ts", b"abc")
        assert (await gateway.ask(f"/vod/film/1.ts?cat={token(gateway)}")).status == 200

        expired = token(gateway, -5)
        sent = await gateway.ask(f"/vod/film/1.ts?cat={expired}", ORIGIN)
        assert (sent.status, sent["location"], sent["cache-control"]) == (307, LOGIN, "no-store")
        assert (sent["access-control-allow-origin"], sent["referrer-policy"]) == ("*", "no-referrer")
        assert expired not in str(sent)
        assert msgspec.json.decode(sent.body)["reason"] == "token_expired"

        wrong = await gateway.ask(f"/vod/film/1.ts?cat={token(gateway, more={CATM: ['PUT']})}")
        assert (wrong.status, wrong["www-authenticate"]) == (401, "Bearer")

        once = token(gateway, more={CATREPLAY: 1, CTI: b"once"})
        assert (await gateway.ask(f"/vod/film/1.ts?cat={once}")).status == 200
        again = await gateway.ask(f"/vod/film/1.ts?cat={once}")
        assert (again.status, again["location"], again["cache-control"]) == (303, LOGIN, "no-store")

        forged = expired[:-6] + "AAAAAA"
        assert (await gateway.ask(f"/vod/film/1.ts?cat={forged}")).status == 403
