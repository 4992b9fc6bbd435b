"""What a grant goes on to open is what the judge would grant anew."""

from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.carriage import Carriage, Transport
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.enforce import Policy, enforce
from auth.gate import Gate, Grant
from auth.keys import Key, KeyRing
from auth.realm import Accepted, Realm
from auth.renewal import Renewal, RenewalTransport
from auth.scope import PathScope
from auth.standing import Standing, says_everything, standing_of
from tests.auth.samples import HMAC_KEY, NOW, RING, get

PLAIN = Claims(expires=NOW + 60, scope=PathScope.prefix("/vod/film"), key_id="k1", dialect="jwt")
times = st.integers(0, 60).map(lambda tenth: tenth / 2)
ends = st.none() | times


@given(
    st.builds(
        Claims,
        expires=ends,
        not_before=ends,
        issued_at=ends,
        session_ends=ends,
        strict_time=st.booleans(),
        scope=st.sampled_from([None, PathScope.prefix("/vod/film"), PathScope.exact("/vod/film/a.ts")]),
    ),
    st.builds(Policy, leeway=times, max_lifetime=st.none() | times.filter(bool), expiry_required=st.booleans()),
    ends,
    times,
    times,
    st.sampled_from(["/vod/film/a.ts", "/vod/film/b/c.ts", "/vod/other.ts"]),
)
def test_it_grants_what_the_judge_grants(
    claims: Claims, policy: Policy, key_ends: float | None, granted_at: float, later: float, path: str
) -> None:
    policy = replace(policy, scope_required=False)
    key = replace(HMAC_KEY, not_after=key_ends)

    def judged(path: str, now: float) -> bool:
        leeway = 0 if claims.strict_time else policy.leeway
        return key.is_in_force(now, leeway) and enforce(claims, get(path), policy, now) is None

    standing = standing_of(claims, Transport.QUERY, key, policy, granted_at)
    assert standing is not None
    if judged("/vod/film/a.ts", granted_at) and later >= granted_at:
        assert standing.opens(path, later) is judged(path, later)


def test_nothing_stands_before_it_was_granted() -> None:
    standing = standing_of(PLAIN, Transport.QUERY, HMAC_KEY, Policy(), NOW)
    assert standing == Standing(NOW, NOW + 60, PLAIN.scope)
    assert not standing.opens("/vod/film/a.ts", NOW - 0.001)


def test_what_never_ends_stands_for_ever() -> None:
    standing = standing_of(Claims(key_id="k1"), Transport.QUERY, HMAC_KEY, Policy(), NOW)
    assert standing == Standing(NOW, math.inf, None)


@pytest.mark.parametrize(
    "change",
    [
        {"networks": (ip_network("192.0.2.0/24"),)},
        {"asns": frozenset({64496})},
        {"methods": frozenset({"HEAD"})},
        {"one_time": True, "token_id": "once"},
        {"renewal": Renewal(RenewalTransport.SAME, 60)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_asks_for_more_than_paths_and_times_is_judged_each_time(change: dict[str, object]) -> None:
    claims = replace(PLAIN, **change)  # type: ignore[arg-type]
    assert standing_of(claims, Transport.QUERY, HMAC_KEY, Policy(), NOW) is None


@pytest.mark.parametrize("transport", [Transport.PATH, Transport.HEADER, Transport.COOKIE, None])
def test_only_a_token_in_the_query_stands(transport: Transport | None) -> None:
    assert standing_of(PLAIN, transport, HMAC_KEY, Policy(), NOW) is None


def granted(gate: Gate, ring: KeyRing = RING, **more: object) -> Grant:
    claims = Claims(expires=NOW + 60, scope=PathScope.prefix("/vod/film"), **more)  # type: ignore[arg-type]
    path, _, query = gate.sign("/vod/film/a.ts", claims, ring, NOW).partition("?")
    return gate.admit(get(path, query), ring, NOW)


def test_a_gate_knows_what_its_grants_go_on_to_open() -> None:
    gate = Gate(Realm("/vod"))
    grant = granted(gate)
    standing = gate.standing(grant, RING, NOW)
    assert standing is not None
    assert standing.opens("/vod/film/b.ts", NOW + 59)
    assert gate.standing(replace(grant, query="x=1"), RING, NOW) is None
    other = KeyRing([replace(HMAC_KEY, id="k2")])
    assert gate.standing(grant, other, NOW) is None


def test_a_key_that_ends_ends_what_stands() -> None:
    ring = KeyRing([Key("k1", HMAC_KEY.algorithm, HMAC_KEY.material, not_after=NOW + 10)])
    gate = Gate(Realm("/vod"))
    standing = gate.standing(granted(gate, ring), ring, NOW)
    assert standing is not None
    assert standing.until == NOW + 10


def test_beside_a_dialect_with_places_of_its_own_nothing_is_said() -> None:
    gate = Gate(Realm("/vod", (Accepted("jwt"), Accepted("akamai", Carriage("hdnts", frozenset({Transport.QUERY}))))))
    assert gate.standing(granted(gate), RING, NOW) is None


def test_whose_tokens_say_everything() -> None:
    found = {name for name, spec in DIALECTS.items() if says_everything(spec.make(spec.options()))}
    assert found == {"jwt", "session"}
