"""What a manifest hands on, mode by mode, and when a session's token is renewed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from auth import Accepted, Carriage, Claims, Gate, PathScope, Realm, SessionPolicy, Token, Transport
from auth.carriage import Found
from auth.dialects.session import Session
from origin.edge.admission import Admission, admit
from origin.edge.lifetimes import Audience
from origin.edge.mount import Exchange, Mount, Propagation
from origin.edge.propagation import Carry
from origin.edge.sessions import Onward, hand_on, renewed_cookie
from origin.media.target import Target, parse_target
from origin.storage.memory import MemoryStore
from tests.edge_parts import RING, VOD, inbound, open_mount, signed_mount

NOW = 1_800_000_000.0
PATH = "/vod/film/i.m3u8"
GATE = Gate(Realm("/vod", (Accepted("session", Carriage("token"), is_internal=True), Accepted("jwt"))))
POLICY = SessionPolicy(ttl=60, most=600, renew=30)
EXTERNAL = Claims(expires=NOW + 10, scope=PathScope.prefix("/vod"))
LONG = Claims(
    issued_at=NOW,
    expires=NOW + 600,
    session_ends=NOW + 600,
    session_id="s-1",
    scope=PathScope.prefix("/vod"),
    dialect="session",
)
SHORT = replace(LONG, expires=NOW + 60)


def mount(mode: Propagation, *dialects: str) -> Mount:
    plain = signed_mount(MemoryStore(), mode)
    assert plain.protection is not None
    exchange = Exchange(frozenset(dialects), POLICY, lambda: "s-1")
    return replace(plain, protection=replace(plain.protection, gate=GATE, exchange=exchange))


def admission(mount: Mount, claims: Claims, by: Transport = Transport.QUERY, now: float = NOW) -> Admission:
    signed = GATE.issue(PATH + "?x=1", claims, RING, now, by)
    path, _, query = signed.url.partition("?")
    asked = inbound(path, *signed.headers, query=query)
    return admit(mount, replace(asked, facts=replace(asked.facts, cookies=signed.cookies)), now)


def asked(
    mode: Propagation,
    claims: Claims,
    by: Transport = Transport.QUERY,
    later: float = 0,
    *,
    is_kept: bool = True,
) -> Onward:
    one = mount(mode, "jwt")
    return hand_on(one, target(), admission(one, claims, by, NOW + later), NOW + later, is_kept=is_kept)


def target(path: str = PATH) -> Target:
    return parse_target(path, (VOD,))


def said(onward: Onward) -> Claims:
    """What the token that is handed on says."""
    text = f"{onward.cookies}{'' if onward.redirect is None else onward.redirect.headers}"
    found = re.search(r"HGs1[\w-]+", text if onward.token is None else onward.token.reveal())
    assert found is not None
    return Session().verify(Found(Token(found[0]), Transport.QUERY, PATH, ""), RING)


Q, P, H, C = Transport.QUERY, Transport.PATH, Transport.HEADER, Transport.COOKIE


@pytest.mark.parametrize(
    ("mode", "by", "is_kept", "carry"),
    [
        (Propagation.QUERY, Q, True, Carry.QUERY),
        (Propagation.QUERY, P, True, Carry.PATH_ROOTED),
        (Propagation.QUERY, Q, False, None),
        (Propagation.QUERY, H, False, Carry.QUERY),
        (Propagation.PATH, Q, True, Carry.PATH_ROOTED),
        (Propagation.PATH, P, True, Carry.PATH_ROOTED),
        (Propagation.PATH, P, False, None),
        (Propagation.PATH, C, False, Carry.PATH_ROOTED),
        (Propagation.DEFINE, Q, True, None),
        (Propagation.DEFINE, P, True, None),
        (Propagation.DEFINE, H, True, Carry.QUERY),
    ],
)
def test_how_a_session_begins(mode: Propagation, by: Transport, is_kept: bool, carry: Carry | None) -> None:
    onward = asked(mode, EXTERNAL, by, is_kept=is_kept)
    assert onward.session_id == "s-1"
    claims = said(onward)
    assert claims.session_ends == NOW + 600
    if carry is None:
        assert onward.redirect is not None
        assert (onward.redirect.status, dict(onward.redirect.headers)["Cache-Control"]) == (302, "no-store")
        location = dict(onward.redirect.headers)["Location"]
        before = "/vod/token=HGs1" if mode is Propagation.PATH else PATH + "?x=1&token=HGs1"
        assert location.startswith(before)
        assert claims.expires == NOW + 600
    else:
        assert (onward.redirect, onward.carry) == (None, carry)
        assert claims.expires == NOW + (600 if is_kept else 60)


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("by", [Q, P, H])
def test_in_cookie_mode_it_begins_with_a_cookie(by: Transport, is_kept: bool) -> None:
    onward = asked(Propagation.COOKIE, EXTERNAL, by, is_kept=is_kept)
    assert (onward.carry, onward.token, onward.redirect) == (Carry.NOTHING, None, None)
    assert "; Path=/vod/film/; Max-Age=60;" in onward.cookies[0][1]
    assert said(onward).expires == NOW + 60


@pytest.mark.parametrize("mode", [Propagation.QUERY, Propagation.PATH, Propagation.DEFINE])
@pytest.mark.parametrize("by", [Q, P])
def test_a_kept_manifest_hands_the_same_token_on(mode: Propagation, by: Transport) -> None:
    onward = asked(mode, LONG, by, later=500)
    assert (said(onward), onward.redirect, onward.session_id) == (replace(LONG, key_id="k1"), None, "s-1")


def test_a_live_one_hands_on_what_ends_soon() -> None:
    onward = asked(Propagation.QUERY, LONG, is_kept=False)
    assert (onward.carry, said(onward).expires) == (Carry.QUERY, NOW + 60)
    assert asked(Propagation.QUERY, LONG, later=29, is_kept=False).token == onward.token
    assert asked(Propagation.QUERY, LONG, later=30, is_kept=False).token != onward.token


@pytest.mark.parametrize(("later", "expires"), [(0, 60), (29, 60), (30, 90), (59, 119)])
def test_a_short_token_in_a_url_is_renewed_within_its_window(later: float, expires: float) -> None:
    assert said(asked(Propagation.QUERY, SHORT, later=later)).expires == NOW + expires


@pytest.mark.parametrize(("later", "expires"), [(0, None), (29.5, None), (30, 90), (59, 119)])
def test_a_cookie_is_renewed_within_its_window(later: float, expires: float | None) -> None:
    one = mount(Propagation.COOKIE, "jwt")
    admitted = admission(one, SHORT, C, NOW + later)
    onward = hand_on(one, target(), admitted, NOW + later, is_kept=True)
    assert onward.cookies == renewed_cookie(one, target("/vod/film/0.ts"), admitted, NOW + later)
    assert bool(onward.cookies) is (expires is not None)
    assert expires is None or said(onward).expires == NOW + expires


def test_nothing_that_an_edge_may_keep_renews_a_cookie() -> None:
    one = mount(Propagation.COOKIE, "jwt")
    admitted = replace(admission(one, SHORT, C, NOW + 59), audience=Audience.EDGE)
    assert renewed_cookie(one, target(), admitted, NOW + 59) == ()


def test_a_cookie_is_renewed_in_cookie_mode_only() -> None:
    one = mount(Propagation.QUERY, "jwt")
    assert renewed_cookie(one, target(), admission(one, SHORT, C, NOW + 59), NOW + 59) == ()
    assert renewed_cookie(one, target(), admission(one, SHORT, Q, NOW + 59), NOW + 59) == ()
    assert renewed_cookie(open_mount(MemoryStore()), target(), admission(one, SHORT, C), NOW) == ()


def test_other_dialects_go_on_as_they_are() -> None:
    one = mount(Propagation.QUERY)
    admitted = admission(one, EXTERNAL)
    assert admitted.grant is not None
    onward = hand_on(one, target(), admitted, NOW, is_kept=True)
    assert (onward.carry, onward.token, onward.cookies) == (Carry.QUERY, admitted.grant.token, ())


def test_the_original_goes_on_under_its_own_name() -> None:
    """A dialect may have another name for its tokens than the mount has."""
    for mode in (Propagation.QUERY, Propagation.COOKIE):
        plain = mount(mode)
        assert plain.protection is not None
        gate = Gate(Realm("/vod", (Accepted("jwt", Carriage("own")),)))
        one = replace(plain, protection=replace(plain.protection, gate=gate))
        text = gate.mint(EXTERNAL, RING, NOW).reveal()
        admitted = admit(one, inbound(PATH, query=f"own={text}"), NOW)
        onward = hand_on(one, target(), admitted, NOW, is_kept=True)
        assert onward.name == "own"
        assert [value.partition("=")[0] for _, value in onward.cookies] == ["own"] * (mode is Propagation.COOKIE)


def test_the_callers_own_session_id_is_kept() -> None:
    onward = asked(Propagation.QUERY, replace(EXTERNAL, session_id="theirs"))
    assert (onward.session_id, said(onward).session_id) == ("theirs", "theirs")
