"""Which tokens go on to open what, and for how long."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from ipaddress import ip_network

import pytest

from auth import Claims, Gate, PathScope, Realm
from auth.keys import KeyRing
from auth.revocation import Revoked
from origin.edge.lifetimes import Audience
from origin.edge.mount import Propagation
from origin.lane.passes import Pass, Passes
from origin.lane.visitor import Visitor
from origin.ledger.ledger import Ledger
from origin.ledger.memory_ledger import MemoryLedger
from origin.serving.forwarded import TrustedProxies
from origin.serving.inbound import read_request
from origin.telemetry.metrics import Metrics, Vocabulary
from tests.auth.samples import HMAC_KEY, NOW, RING
from tests.clock import Clock
from tests.origin.lane.scenes import REDACTOR, Site, head_of, protection

HEAD = head_of()
PLAIN = Claims(expires=NOW + 60, scope=PathScope.prefix("/vod/film"))


def visitor() -> Visitor:
    return Visitor(partial(read_request, proxies=TrustedProxies(())), "127.0.0.1", None, secure=False)


def ledger() -> Ledger:
    clock = Clock(NOW)
    return Ledger(MemoryLedger(clock), Metrics(Vocabulary(), "1"), clock=clock, monotonic=time.monotonic)


def query(claims: Claims = PLAIN, ring: KeyRing = RING) -> bytes:
    return Gate(Realm("/vod")).sign("/vod/film/a.ts", claims, ring, NOW).partition("?")[2].encode()


class Door:
    """Passes of a site, asked as the lane asks them."""

    def __init__(self, site: Site | None = None, kept: Ledger | None = None) -> None:
        self.site = site or Site()
        self.routes = self.site.routes()
        self.passes = Passes(kept or ledger(), REDACTOR)

    def find(self, asked: bytes, path: bytes = b"/vod/film/a.ts", now: float = NOW) -> Pass | None:
        route = self.routes.find(path)
        assert route is not None
        return self.passes.find(route, asked, HEAD, visitor(), now)


def test_a_token_is_let_in_when_it_comes_again() -> None:
    door, asked = Door(), query()
    assert door.find(asked) is None
    known = door.find(asked)
    assert known is not None
    assert known.grant is not None
    assert known.audience is Audience.VIEWER
    assert b"[redacted]" in known.shown
    assert door.find(asked, b"/vod/film/b.ts") is known
    assert door.find(asked, b"/vod/other/b.ts") is None
    assert door.find(asked, now=NOW + 59.9) is known
    assert door.find(asked, now=NOW + 60) is None


def test_an_open_mount_asks_for_nothing() -> None:
    door = Door()
    assert door.find(b"", b"/open/a.ts") is None
    known = door.find(b"", b"/open/a.ts")
    assert known is not None
    assert (known.grant, known.audience, known.shown) == (None, Audience.EVERYBODY, b"")


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"token=x.y.z",
        query() + b"&" + query(),
        query() + b"&more=1",
        query(replace(PLAIN, networks=(ip_network("127.0.0.0/8"),))),
        query(ring=KeyRing([replace(HMAC_KEY, id="k9")])),
    ],
    ids=["none", "forged", "two", "another parameter", "bound to a network", "an unknown key"],
)
def test_what_has_to_be_judged_by_itself_is_no_pass(asked: bytes) -> None:
    door = Door()
    assert [door.find(asked) for _ in range(4)] == [None] * 4


def test_what_was_of_no_use_is_looked_at_again() -> None:
    rings = [KeyRing([replace(HMAC_KEY, id="k9")])]
    door, asked = Door(Site(closed=protection(rings=lambda: rings[0]))), query()
    assert [door.find(asked) for _ in range(3)] == [None] * 3
    rings[0] = RING
    assert door.find(asked, now=NOW + 4) is None
    assert door.find(asked, now=NOW + 6) is not None


def test_other_keys_in_force_are_asked_anew() -> None:
    rings = [RING]
    door, asked = Door(Site(closed=protection(rings=lambda: rings[0]))), query()
    door.find(asked)
    first = door.find(asked)
    rings[0] = KeyRing([HMAC_KEY])
    again = door.find(asked)
    assert again is not None
    assert again is not first
    rings[0] = KeyRing([replace(HMAC_KEY, id="k9")])
    assert door.find(asked) is None


def test_a_clock_that_was_set_back_is_not_believed() -> None:
    door, asked = Door(), query(replace(PLAIN, not_before=NOW - 10, issued_at=NOW - 10))
    door.find(asked)
    assert door.find(asked) is not None
    assert door.find(asked, now=NOW - 100) is None


async def test_what_is_revoked_is_no_pass() -> None:
    kept = ledger()
    door, asked = Door(kept=kept), query(replace(PLAIN, token_id="one", subject="s"))
    door.find(asked)
    assert door.find(asked) is not None
    await kept.revoke(Revoked.TOKEN, "other", seconds=60)
    assert door.find(asked) is not None
    await kept.revoke(Revoked.ASSET, "film", seconds=60, mount="/vod")
    assert door.find(asked) is None


@pytest.mark.parametrize(
    ("mode", "is_same"), [(Propagation.QUERY, True), (Propagation.NONE, True), (Propagation.COOKIE, False)]
)
def test_what_a_manifest_hands_on_is_known_where_it_is_always_the_same(mode: Propagation, is_same: bool) -> None:
    door, asked = Door(Site(closed=protection(propagation=mode))), query()
    door.find(asked)
    known = door.find(asked)
    assert known is not None
    assert (known.onward is not None) is is_same


def test_no_token_shows() -> None:
    door, asked = Door(), query()
    door.find(asked)
    assert asked.decode().partition("=")[2] not in repr(door.find(asked))
