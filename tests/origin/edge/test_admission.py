from __future__ import annotations

import time

import pytest

from auth import Denied, Reason
from origin.edge.admission import admit
from origin.edge.edge_proof import Trust
from origin.edge.lifetimes import Audience
from origin.storage.memory import MemoryStore
from tests.edge_parts import SECRET, inbound, open_mount, signed_mount, token

EDGE = ("X-Edge", SECRET)
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
    asked = inbound("/vod/a.ts", *([EDGE] if is_edge else []), query=f"a=b&token={token()}")
    admission = admit(signed_mount(STORE, trust=trust), asked, time.time())
    assert admission.grant is not None
    assert (admission.audience, admission.path, admission.query) == (audience, "/vod/a.ts", "a=b")


@pytest.mark.parametrize("trust", [None, Trust.ASKS, Trust.VERIFIES])
@pytest.mark.parametrize("is_edge", [True, False])
def test_only_a_proven_edge_that_verifies_needs_none(trust: Trust | None, is_edge: bool) -> None:
    mount, asked = signed_mount(STORE, trust=trust), inbound("/vod/a.ts", *([EDGE] if is_edge else []))
    if trust is Trust.VERIFIES and is_edge:
        assert admit(mount, asked, time.time()).grant is None
    else:
        with pytest.raises(Denied) as denied:
            admit(mount, asked, time.time())
        assert denied.value.reason is Reason.ABSENT


def test_a_bad_token_is_refused_to_an_edge_too() -> None:
    asked = inbound("/vod/a.ts", EDGE, query="token=x.y.z")
    with pytest.raises(Denied):
        admit(signed_mount(STORE, trust=Trust.VERIFIES), asked, time.time())
