from __future__ import annotations

import time
from dataclasses import replace

import pytest

from auth import Denied, KeyRing, Reason
from origin.edge.admission import admit, admit_with_new_keys
from origin.edge.edge_proof import Trust
from origin.edge.lifetimes import Audience
from origin.storage.memory import MemoryStore
from tests.edge_parts import EDGE, RING, inbound, open_mount, signed_mount, token

STORE = MemoryStore()


def test_an_open_mount_asks_nothing() -> None:
    admission = admit(open_mount(STORE), inbound("/open/a.ts", query="token=x"), time.time())
    assert (admission.grant, admission.audience) == (None, Audience.EVERYBODY)
    assert (admission.path, admission.query) == ("/open/a.ts", "token=x")


@pytest.mark.parametrize(
    ("trust", "is_edge", "audience"),
    [
        (None, False, Audience.VIEWER),
        (None, True, Audience.VIEWER),
        (Trust.ASKS, False, Audience.VIEWER),
        (Trust.ASKS, True, Audience.EDGE),
        (Trust.VERIFIES, True, Audience.EDGE),
    ],
)
def test_a_token_is_taken_off(trust: Trust | None, is_edge: bool, audience: Audience) -> None:
    asked = inbound("/vod/a.ts", query=f"a=b&token={token()}")
    admission = admit(signed_mount(STORE, trust=trust), asked, time.time(), EDGE if is_edge else None)
    assert admission.grant is not None
    assert (admission.audience, admission.path, admission.query) == (audience, "/vod/a.ts", "a=b")


@pytest.mark.parametrize("trust", [None, Trust.ASKS, Trust.VERIFIES])
@pytest.mark.parametrize("is_edge", [True, False])
def test_only_a_proven_edge_that_verifies_needs_none(trust: Trust | None, is_edge: bool) -> None:
    mount, asked, edge = signed_mount(STORE, trust=trust), inbound("/vod/a.ts"), EDGE if is_edge else None
    if trust is Trust.VERIFIES and is_edge:
        assert admit(mount, asked, time.time(), edge).grant is None
    else:
        with pytest.raises(Denied) as denied:
            admit(mount, asked, time.time(), edge)
        assert denied.value.reason is Reason.ABSENT


def test_a_bad_token_is_refused_to_an_edge_too() -> None:
    asked = inbound("/vod/a.ts", query="token=x.y.z")
    with pytest.raises(Denied):
        admit(signed_mount(STORE, trust=Trust.VERIFIES), asked, time.time(), EDGE)


@pytest.mark.parametrize("finds", [True, False])
async def test_a_key_that_is_not_there_is_looked_for_once(finds: bool) -> None:
    rings = [KeyRing()]
    asked: list[str] = []

    async def missed() -> bool:
        asked.append("")
        rings[0] = RING if finds else KeyRing()
        return finds

    mount = signed_mount(STORE)
    assert mount.protection is not None
    mount = replace(mount, protection=replace(mount.protection, rings=lambda: rings[0], missed=missed))
    viewer = inbound("/vod/a.ts", query=f"token={token()}")
    if finds:
        assert (await admit_with_new_keys(mount, viewer, time.time())).grant is not None
    else:
        with pytest.raises(Denied) as denied:
            await admit_with_new_keys(mount, viewer, time.time())
        assert denied.value.reason is Reason.UNKNOWN_KEY
    assert len(asked) == 1


async def test_nothing_else_is_looked_for() -> None:
    async def missed() -> bool:
        raise AssertionError

    mount = signed_mount(STORE)
    assert mount.protection is not None
    asking = replace(mount, protection=replace(mount.protection, missed=missed))
    good, bad = (inbound("/vod/a.ts", query=f"token={text}") for text in (token(), "x.y.z"))
    assert (await admit_with_new_keys(asking, good, time.time())).grant is not None
    assert (await admit_with_new_keys(open_mount(STORE), inbound("/open/a.ts"), time.time())).grant is None
    with pytest.raises(Denied):
        await admit_with_new_keys(asking, bad, time.time())
