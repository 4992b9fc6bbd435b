"""What is remembered of a token is asked last, of signed mounts only."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from auth import Claims, Denied, Reason
from auth.revocation import Revoked
from origin.edge.admission import Admission, admit
from origin.edge.lifetimes import Audience
from origin.edge.mount import Mount
from origin.edge.remembered import recall
from origin.ledger.ledger import Ledger
from origin.ledger.limits import Limits
from origin.storage.memory import MemoryStore
from tests.edge_parts import inbound, memory_ledger, open_mount, signed_mount, token

STORE = MemoryStore()
MOUNT = signed_mount(STORE)


def admitted() -> Admission:
    return admit(MOUNT, inbound("/vod/a/1.ts", query=f"token={token()}"), time.time())


async def refusal(ledger: Ledger, mount: Mount, admission: Admission, asset: str = "a") -> Reason | None:
    try:
        await recall(ledger, mount, admission, asset)
    except Denied as denied:
        return denied.reason
    return None


async def test_a_revoked_asset_is_refused_with_every_token_and_to_the_edge() -> None:
    ledger = memory_ledger()
    await ledger.revoke(Revoked.ASSET, "a", mount="/vod", seconds=60)
    edge = Admission(None, Audience.EDGE, "/vod/a/1.ts", "")
    for admission in (admitted(), edge):
        assert await refusal(ledger, MOUNT, admission) is Reason.REVOKED
        assert await refusal(ledger, MOUNT, admission, "b") is None


async def test_everything_issued_before_now_is_refused_but_not_the_edge_without_a_token() -> None:
    ledger = memory_ledger()
    await ledger.revoke(Revoked.ISSUED_BEFORE, moment=time.time() + 1, seconds=60)
    assert await refusal(ledger, MOUNT, admitted()) is Reason.REVOKED
    assert await refusal(ledger, MOUNT, Admission(None, Audience.EDGE, "/vod/a/1.ts", "")) is None


async def test_an_open_mount_is_open() -> None:
    ledger = memory_ledger()
    await ledger.revoke(Revoked.ASSET, "a", mount="/open", seconds=60)
    assert await refusal(ledger, open_mount(STORE), Admission(None, Audience.EVERYBODY, "/open/a/1.ts", "")) is None


@pytest.mark.parametrize(("most", "expected"), [(0, None), (1, Reason.TOO_MANY_STREAMS), (2, None)])
async def test_the_mounts_limits_count(most: int, expected: Reason | None) -> None:
    assert MOUNT.protection is not None
    mount = replace(MOUNT, protection=replace(MOUNT.protection, limits=Limits(max_streams=most)))
    ledger, grant = memory_ledger(), admitted().grant
    assert grant is not None
    first, second = (
        Admission(replace(grant, claims=Claims(subject="ann", session_id=session)), Audience.VIEWER, "/vod/a/1.ts", "")
        for session in ("one", "two")
    )
    assert await refusal(ledger, mount, first) is None
    assert await refusal(ledger, mount, second) is expected
