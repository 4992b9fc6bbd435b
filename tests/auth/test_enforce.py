"""Each rule, at its boundary."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.claims import Claims
from auth.enforce import REQUEST_RULES, TOKEN_RULES, Policy, enforce
from auth.errors import Misuse, Reason
from auth.scope import PathScope
from tests.auth.samples import get

GOOD = Claims(expires=200, scope=PathScope.prefix("/vod/film"))


def verdict(
    claims: Claims = GOOD,
    policy: Policy | None = None,
    *,
    now: float = 100,
    method: str = "GET",
    path: str = "/vod/film/a.ts",
    client: str | None = None,
) -> Reason | None:
    request = replace(get(path, method=method), client=None if client is None else ip_address(client))
    objection = enforce(claims, request, policy or Policy(), now)
    return None if objection is None else objection.reason


@pytest.mark.parametrize(
    ("now", "leeway", "reason"),
    [
        (199.999, 0, None),
        (200, 0, Reason.EXPIRED),
        (200.001, 0, Reason.EXPIRED),
        (204.999, 5, None),
        (205, 5, Reason.EXPIRED),
    ],
)
def test_at_expiry_a_token_has_expired(now: float, leeway: float, reason: Reason | None) -> None:
    assert verdict(now=now, policy=Policy(leeway=leeway)) is reason


@pytest.mark.parametrize(
    ("now", "leeway", "reason"),
    [(99.999, 0, Reason.NOT_YET_VALID), (100, 0, None), (95, 5, None), (94.999, 5, Reason.NOT_YET_VALID)],
)
@pytest.mark.parametrize("name", ["not_before", "issued_at"])
def test_at_its_beginning_a_token_is_valid(name: str, now: float, leeway: float, reason: Reason | None) -> None:
    claims = Claims(expires=200, scope=GOOD.scope, **{name: 100})  # type: ignore[arg-type]
    assert verdict(claims, Policy(leeway=leeway), now=now) is reason


def test_an_expiry_is_required_unless_policy_says_otherwise() -> None:
    endless = replace(GOOD, expires=None)
    assert verdict(endless) is Reason.EXPIRY_MISSING
    assert verdict(endless, Policy(expiry_required=False)) is None
    assert verdict(endless, Policy(expiry_required=False, max_lifetime=10)) is Reason.EXPIRY_MISSING


@pytest.mark.parametrize(
    ("issued_at", "reason"),
    [(None, None), (100, None), (99, Reason.TOO_LONG_LIVED), (50, Reason.TOO_LONG_LIVED)],
)
def test_lifetime(issued_at: float | None, reason: Reason | None) -> None:
    assert verdict(replace(GOOD, issued_at=issued_at), Policy(max_lifetime=100)) is reason


def test_lifetime_without_issue_counts_from_now() -> None:
    assert verdict(now=99, policy=Policy(max_lifetime=100)) is Reason.TOO_LONG_LIVED


@pytest.mark.parametrize(
    ("issuer", "issuers", "reason"),
    [
        (None, [], None),
        ("a", [], None),
        ("a", ["a", "b"], None),
        ("c", ["a", "b"], Reason.WRONG_ISSUER),
        (None, ["a"], Reason.WRONG_ISSUER),
        ("A", ["a"], Reason.WRONG_ISSUER),
    ],
)
def test_issuer(issuer: str | None, issuers: list[str], reason: Reason | None) -> None:
    assert verdict(replace(GOOD, issuer=issuer), Policy(issuers=frozenset(issuers))) is reason


@pytest.mark.parametrize(
    ("audience", "ours", "reason"),
    [
        ([], [], None),
        (["a"], ["a"], None),
        (["x", "a"], ["a", "b"], None),
        (["x"], ["a"], Reason.WRONG_AUDIENCE),
        ([], ["a"], Reason.WRONG_AUDIENCE),
        (["x"], [], Reason.WRONG_AUDIENCE),
    ],
)
def test_audience(audience: list[str], ours: list[str], reason: Reason | None) -> None:
    assert verdict(replace(GOOD, audience=tuple(audience)), Policy(audiences=frozenset(ours))) is reason


def test_a_scope_is_required_unless_policy_says_otherwise() -> None:
    everywhere = replace(GOOD, scope=None)
    assert verdict(everywhere) is Reason.SCOPE_MISSING
    assert verdict(everywhere, Policy(scope_required=False)) is None
    assert verdict(everywhere, Policy(scope_required=False), path="/vod/../x") is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/vod/film", None),
        ("/vod/film/a%2Ets", None),
        ("/vod/%66ilm/a", None),
        ("/vod/film2/a", Reason.OUT_OF_SCOPE),
        ("/vod/film/../other", Reason.OUT_OF_SCOPE),
        ("/vod/film/%2e%2e/other", Reason.OUT_OF_SCOPE),
        ("/vod/film//a", Reason.OUT_OF_SCOPE),
        ("/vod/film%2Fa", Reason.OUT_OF_SCOPE),
        ("/vod/film\\..\\a", Reason.OUT_OF_SCOPE),
        ("/vod/film/a%00", Reason.OUT_OF_SCOPE),
        ("/VOD/film/a", Reason.OUT_OF_SCOPE),
    ],
)
def test_path(path: str, reason: Reason | None) -> None:
    assert verdict(path=path) is reason


@pytest.mark.parametrize(
    ("methods", "method", "reason"),
    [
        (None, "DELETE", None),
        (["GET"], "GET", None),
        (["GET"], "HEAD", None),
        (["HEAD"], "GET", Reason.WRONG_METHOD),
        (["PUT"], "HEAD", Reason.WRONG_METHOD),
        (["GET"], "get", Reason.WRONG_METHOD),
        (["PUT", "POST"], "POST", None),
    ],
)
def test_method(methods: list[str] | None, method: str, reason: Reason | None) -> None:
    allowed = None if methods is None else frozenset(methods)
    assert verdict(replace(GOOD, methods=allowed), method=method) is reason


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        ("192.0.2.77", None),
        ("::ffff:192.0.2.77", None),
        ("192.0.3.1", Reason.WRONG_NETWORK),
        ("::192.0.2.77", Reason.WRONG_NETWORK),
        ("2001:db8::1", None),
        ("2001:db9::1", Reason.WRONG_NETWORK),
        (None, Reason.WRONG_NETWORK),
    ],
)
def test_network(client: str | None, reason: Reason | None) -> None:
    claims = replace(GOOD, networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    assert verdict(claims, client=client) is reason


def test_no_network_rule_needs_no_address() -> None:
    assert verdict(client=None) is None


@given(st.floats(0, 2**53), st.floats(0, 300))
def test_time_only_runs_out(now: float, leeway: float) -> None:
    """Once expired, for ever expired."""
    policy = Policy(leeway=leeway)
    if verdict(policy=policy, now=now) is Reason.EXPIRED:
        assert verdict(policy=policy, now=now + 1) is Reason.EXPIRED


@pytest.mark.parametrize("wrong", [{"leeway": -1}, {"leeway": 301}, {"leeway": float("nan")}, {"max_lifetime": 0}])
def test_policies_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(Misuse):
        Policy(**wrong)  # type: ignore[arg-type]


def test_every_rule_has_a_name_of_its_own() -> None:
    assert not TOKEN_RULES.keys() & REQUEST_RULES.keys()
