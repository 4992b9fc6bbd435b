"""A response for one request alone, until somebody has it."""

from __future__ import annotations

from origin.httpcache.stored import StoredResponse
from origin.shield.landing import Single
from origin.upstream.origin_server import Outgoing
from tests.contracts.descriptors import eventually
from tests.scripted_origin import ScriptedOrigin

STORED = StoredResponse(200, (), 0.0, 0.0)


async def test_it_is_claimed_once() -> None:
    origin = ScriptedOrigin()
    origin.put("/a", b"x")
    incoming = await origin.fetch(Outgoing("GET", "/a"))
    single = Single.of(STORED, "private", incoming)
    assert single.claim() is incoming
    assert single.claim() is None
    await incoming.close()


async def test_what_nobody_claims_is_let_go() -> None:
    origin = ScriptedOrigin()
    origin.put("/a", b"x")
    single = Single.of(STORED, "private", await origin.fetch(Outgoing("GET", "/a")), 0.01)
    await eventually(lambda: origin.open_now == 0)
    assert single.claim() is None
