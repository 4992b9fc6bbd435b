"""The gate as a whole: from a request to a grant."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.carriage import Carriage, Found, Transport, locate
from auth.claims import Claims
from auth.dialects import DIALECTS
from auth.dialects.dialect import Spec
from auth.dialects.jwt import Jwt
from auth.dialects.media_cdn import Kind, MediaCdnOptions
from auth.enforce import Policy
from auth.errors import Denied, Misuse, Reason
from auth.gate import Gate
from auth.keys import Key, KeyRing
from auth.realm import Accepted, Realm
from auth.request import Request
from auth.rules.url import Url, UrlPrefixes
from auth.scope import PathScope
from auth.secret import Secret, Token
from tests.auth.samples import CLAIMS, HMAC_KEY, NOW, RING, SECRET, get, key_of, token

REALM = Realm("/vod")
CLAIM = Claims(expires=NOW + 60, scope=PathScope.prefix("/vod/film"))


def reason(request: Request, ring: KeyRing = RING, now: float = NOW, gate: Gate | None = None) -> Reason:
    with pytest.raises(Denied) as denied:
        (gate or Gate(REALM)).admit(request, ring, now)
    return denied.value.reason


def signed(url: str = "/vod/film/a.ts", transport: Transport = Transport.QUERY) -> Request:
    path, _, query = Gate(REALM).sign(url, CLAIM, RING, NOW, transport).partition("?")
    return get(path, query)


class Counting(Jwt):
    """A dialect that counts how often it verifies."""

    def __init__(self) -> None:
        self.verified = 0

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        self.verified += 1
        return super().verify(found, ring)


@pytest.mark.parametrize("transport", [Transport.QUERY, Transport.PATH])
def test_what_it_signs_it_admits(transport: Transport) -> None:
    grant = Gate(REALM).admit(signed("/vod/film/a%20b.ts?x=%2F&y", transport), RING, NOW)
    assert (grant.path, grant.query, grant.transport) == ("/vod/film/a%20b.ts", "x=%2F&y", transport)
    assert grant.claims == replace(CLAIM, key_id="k1", dialect="jwt")
    assert grant.token is not None


def test_without_a_token() -> None:
    assert reason(get()) is Reason.ABSENT


def test_elsewhere_and_too_late() -> None:
    query = signed().query
    assert reason(get("/vod/other/a.ts", query)) is Reason.OUT_OF_SCOPE
    assert reason(get("/vod/film/%2e%2e/other", query)) is Reason.OUT_OF_SCOPE
    assert reason(signed(), now=NOW + 60) is Reason.EXPIRED


def test_the_scope_holds_for_the_path_without_the_token() -> None:
    inside = get(f"/vod/token={token(CLAIMS)}/film/a.ts")
    assert Gate(REALM).admit(inside, RING, NOW).path == "/vod/film/a.ts"


def test_head_may_what_get_may() -> None:
    text = token(CLAIMS | {"methods": ["GET"]})
    assert Gate(REALM).admit(get(query=f"token={text}", method="HEAD"), RING, NOW).path == "/vod/film/a.ts"
    assert reason(get(query=f"token={text}", method="PUT")) is Reason.WRONG_METHOD


@pytest.mark.parametrize("query", ["", "token=x", "token=x&token=y"])
def test_options_needs_no_token(query: str) -> None:
    grant = Gate(REALM).admit(get("/vod/token=x/film/a.ts", query, method="OPTIONS"), RING, NOW)
    assert (grant.path, grant.query, grant.token, grant.transport) == ("/vod/film/a.ts", "", None, None)


class TestMemory:
    def test_a_repeated_token_is_verified_once(self) -> None:
        dialect = Counting()
        gate = Gate(REALM, {"jwt": Spec(lambda _: dialect)})
        for path in ("/vod/film/a.ts", "/vod/film/b.ts", "/vod/film/a.ts"):
            gate.admit(get(path, signed().query), RING, NOW)
        assert dialect.verified == 1

    def test_but_judged_every_time(self) -> None:
        gate = Gate(REALM)
        request = signed()
        gate.admit(request, RING, NOW)
        assert reason(request, now=NOW + 60, gate=gate) is Reason.EXPIRED
        assert reason(get("/vod/x", request.query), gate=gate) is Reason.OUT_OF_SCOPE

    def test_a_new_ring_forgets(self) -> None:
        gate = Gate(REALM)
        gate.admit(signed(), RING, NOW)
        other = KeyRing([Key("k1", Algorithm.HS256, Secret(b"x" * 32))])
        assert reason(signed(), other, gate=gate) is Reason.BAD_SIGNATURE
        assert reason(signed(), KeyRing(), gate=gate) is Reason.UNKNOWN_KEY

    def test_a_refused_token_is_not_remembered(self) -> None:
        dialect = Counting()
        gate = Gate(REALM, {"jwt": Spec(lambda _: dialect)})
        for _ in range(2):
            assert reason(get(query="token=x"), gate=gate) is Reason.MALFORMED
        assert dialect.verified == 2

    @pytest.mark.parametrize("remember", [0, 1])
    def test_it_may_be_small(self, remember: int) -> None:
        gate = Gate(REALM, remember=remember)
        for _ in range(3):
            gate.admit(signed(), RING, NOW)


@pytest.mark.parametrize(
    ("now", "leeway", "denied"),
    [(NOW - 1, 0, True), (NOW - 1, 5, False), (NOW, 0, False), (NOW + 30, 0, True), (NOW + 30, 5, False)],
)
def test_a_key_out_of_force(now: float, leeway: float, denied: bool) -> None:
    """Even for a token remembered from better days."""
    ring = KeyRing([replace(HMAC_KEY, not_before=NOW, not_after=NOW + 30)])
    gate = Gate(Realm("/vod", policy=Policy(leeway=leeway)))
    gate.admit(signed(), ring, NOW)
    if denied:
        assert reason(signed(), ring, now, gate) is Reason.KEY_NOT_IN_FORCE
    else:
        assert gate.admit(signed(), ring, now).claims.key_id == "k1"


class Other(Jwt):
    """A second dialect for the order of dialects; it takes whatever it finds."""

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        return replace(CLAIM, key_id=ring.keys[0].id, dialect="other")

    def locate(self, request: Request, carriage: Carriage, mount: str) -> Found | None:
        return locate(request, carriage, mount)


class TestSeveralDialects:
    gate = Gate(
        Realm(
            "/vod",
            (
                Accepted("jwt", Carriage("token", frozenset({Transport.QUERY}))),
                Accepted("other", Carriage("pass", frozenset({Transport.QUERY}))),
            ),
        ),
        {"jwt": Spec(lambda _: Jwt()), "other": Spec(lambda _: Other())},
    )

    def test_each_finds_its_own(self) -> None:
        assert self.gate.admit(signed(), RING, NOW).claims.dialect == "jwt"
        assert self.gate.admit(get(query="pass=x"), RING, NOW).claims.dialect == "other"

    def test_there_is_no_second_chance(self) -> None:
        assert reason(get(query="pass=x&token=broken"), gate=self.gate) is Reason.MALFORMED

    def test_one_memory_keeps_them_apart(self) -> None:
        text = token(CLAIMS)
        assert self.gate.admit(get(query=f"token={text}"), RING, NOW).claims.dialect == "jwt"
        assert self.gate.admit(get(query=f"pass={text}"), RING, NOW).claims.dialect == "other"

    def test_the_minter_names_its_dialect(self) -> None:
        assert "?pass=" in self.gate.sign("/vod/film/a", replace(CLAIM, dialect="other"), RING, NOW)
        with pytest.raises(Misuse, match="does not accept cat"):
            self.gate.mint(replace(CLAIM, dialect="cat"), RING, NOW)


def test_dialects_exist() -> None:
    with pytest.raises(Misuse, match="no such dialect: none"):
        Gate(Realm("/vod", (Accepted("none"),)))


@pytest.mark.parametrize(
    ("claims", "policy", "words"),
    [
        (replace(CLAIM, expires=None), Policy(), "expiry_missing"),
        (replace(CLAIM, scope=None), Policy(), "scope_missing"),
        (replace(CLAIM, expires=NOW), Policy(), "token_expired"),
        (replace(CLAIM, not_before=NOW + 60), Policy(), "token_expired"),
        (CLAIM, Policy(issuers=frozenset({"us"})), "issuer_mismatch"),
        (replace(CLAIM, audience=("x",)), Policy(), "audience_mismatch"),
        (CLAIM, Policy(max_lifetime=59), "lifetime_too_long"),
    ],
)
def test_it_mints_nothing_that_it_would_refuse(claims: Claims, policy: Policy, words: str) -> None:
    with pytest.raises(Misuse, match=words):
        Gate(Realm("/vod", policy=policy)).mint(claims, RING, NOW)


def test_it_mints_for_later() -> None:
    later = replace(CLAIM, not_before=NOW + 10)
    query = f"token={Gate(REALM).mint(later, RING, NOW).reveal()}"
    assert reason(get(query=query)) is Reason.NOT_YET_VALID
    assert Gate(REALM).admit(get(query=query), RING, NOW + 10).claims.not_before == NOW + 10


def test_minting_needs_a_key_in_force() -> None:
    for ring in (KeyRing(), KeyRing([replace(HMAC_KEY, not_after=NOW)])):
        with pytest.raises(Misuse, match="no key"):
            Gate(REALM).mint(CLAIM, ring, NOW)


def test_rotation_signs_with_the_new_key_and_still_takes_the_old() -> None:
    old = signed()
    new_key = Key("k2", Algorithm.HS256, Secret(b"2" * 32), not_before=NOW)
    ring = KeyRing([replace(HMAC_KEY, not_after=NOW + 30), new_key])
    gate = Gate(REALM)
    fresh = gate.mint(CLAIM, ring, NOW).reveal()
    assert gate.admit(old, ring, NOW).claims.key_id == "k1"
    assert gate.admit(get(query=f"token={fresh}"), ring, NOW).claims.key_id == "k2"


@given(st.data())
def test_an_altered_url_never_gets_more(data: st.DataObject) -> None:
    """Whatever one byte of a signed URL becomes: Denied, or the same claims for the same token."""
    good = signed()
    url = f"{good.path}?{good.query}"
    at = data.draw(st.integers(0, len(url) - 1))
    byte = data.draw(st.characters(min_codepoint=0, max_codepoint=255))
    cut = data.draw(st.sampled_from([at, at + 1]))
    path, _, query = (url[:at] + byte + url[cut:]).partition("?")
    try:
        grant = Gate(REALM).admit(get(path, query), RING, NOW)
    except Denied:
        return
    assert grant.token is not None
    assert f"token={grant.token.reveal()}" in good.query
    assert grant.path.startswith("/vod/")


@given(
    st.sampled_from(["expired", "scope", "network", "signature", "junk", "double"]),
    st.sampled_from(["query", "header", "cookie", "path"]),
)
def test_a_refusal_shows_no_token_and_no_secret(kind: str, transport: str) -> None:
    claims = {"network": CLAIMS | {"networks": ["192.0.2.0/24"]}, "expired": CLAIMS | {"exp": 1}}.get(kind, CLAIMS)
    text = token(claims)
    text = {"signature": text[:-3] + "AAA", "junk": text[:-3] + "!!!", "double": text + text}.get(kind, text)
    path = "/vod/other" if kind == "scope" else "/vod/film/a"
    request = Request(
        "GET",
        "https",
        "h",
        path.replace("/vod", f"/vod/token={text}") if transport == "path" else path,
        f"token={text}" if transport == "query" else "",
        (("authorization", f"Bearer {text}"),) if transport == "header" else (),
        (("token", text),) if transport == "cookie" else (),
        ip_address("198.51.100.1"),
    )
    gate = Gate(REALM)
    with pytest.raises(Denied) as denied:
        gate.admit(request, RING, NOW)
    shown = "".join(traceback.format_exception(denied.value)) + repr(
        [denied.value, denied.value.args, vars(denied.value), request, gate, RING, RING.keys]
    )
    assert text[-20:] not in shown
    assert text[:30] not in shown
    assert SECRET.decode() not in shown


def test_public_objects_show_no_token_and_no_secret() -> None:
    gate = Gate(REALM)
    claims = replace(CLAIM, networks=(ip_network("192.0.2.0/24"),))
    minted = gate.mint(claims, RING, NOW)
    request = replace(get(query=f"token={minted.reveal()}"), client=ip_address("192.0.2.1"))
    grant = gate.admit(request, RING, NOW)
    found = Jwt().locate(request, Carriage(), "/vod")
    objects = [
        gate,
        REALM,
        grant,
        minted,
        request,
        found,
        RING,
        RING.keys,
        RING.keys[0].material,
        Token("HUSH"),
    ]
    for shown in (repr(objects), "".join(f"{each}{each!s}{each!r}" for each in objects)):
        assert minted.reveal()[-20:] not in shown
        assert SECRET.decode() not in shown
        assert "HUSH" not in shown


OWN = Claims(
    issued_at=NOW,
    expires=NOW + 60,
    session_ends=NOW + 60,
    session_id="s-1",
    scope=PathScope.prefix("/vod/film"),
    dialect="session",
)
TWO_STEPS = Realm("/vod", accepts=(Accepted("session", is_internal=True), Accepted("jwt")))


def test_own_tokens_share_the_name_of_others_and_are_minted_by_name_only() -> None:
    gate = Gate(TWO_STEPS)
    for claims, dialect in ((OWN, "session"), (CLAIM, "jwt")):
        text = gate.mint(claims, RING, NOW).reveal()
        assert gate.admit(get(query=f"token={text}"), RING, NOW).claims.dialect == dialect


def test_own_tokens_are_signed_with_a_keyed_hash_whatever_else_the_ring_holds() -> None:
    newer = replace(key_of(Algorithm.ES256), not_before=NOW - 1)
    ring = KeyRing([HMAC_KEY, newer])
    gate = Gate(TWO_STEPS)
    minted = {claims.dialect: gate.mint(claims, ring, NOW).reveal() for claims in (OWN, CLAIM)}
    keys = [gate.admit(get(query=f"token={text}"), ring, NOW).claims.key_id for text in minted.values()]
    assert keys == ["k1", "ES256"]
    with pytest.raises(Misuse, match="no key"):
        gate.mint(OWN, KeyRing([newer]), NOW)


@pytest.mark.parametrize("first", ["session", "jwt"])
def test_a_cookie_of_one_dialect_does_not_hide_a_token_of_another(first: str) -> None:
    gate = Gate(TWO_STEPS)
    expired = gate.mint(replace(OWN, expires=NOW + 1), RING, NOW).reveal()
    own, jwt = (gate.mint(claims, RING, NOW).reveal() for claims in (OWN, CLAIM))
    query, cookie = (own, token(CLAIMS | {"exp": 1})) if first == "session" else (jwt, expired)
    request = replace(get(query=f"token={query}"), cookies=(("token", cookie),))
    assert gate.admit(request, RING, NOW + 2).claims.dialect == first


def test_a_format_may_say_what_its_token_covers() -> None:
    """Where claims name neither paths nor URLs; a token that names none either is not given out."""
    ring = KeyRing([key_of(Algorithm.SHARED)])
    open_claims = Claims(expires=NOW + 60)
    gate = Gate(Realm("/vod", (Accepted("keycdn", DIALECTS["keycdn"].carriage),)))
    parts = Url.parse(gate.sign("https://cdn.example/vod/a.ts", open_claims, ring, NOW))
    assert gate.admit(get(parts.path, parts.query), ring, NOW).claims.scope == PathScope.exact("/vod/a.ts")
    for dialect, key in (("edgio", ring), ("jwt", RING)):
        with pytest.raises(Misuse, match="scope_missing"):
            Gate(Realm("/vod", (Accepted(dialect, DIALECTS[dialect].carriage),))).sign(
                "https://cdn.example/vod/a.ts", open_claims, key, NOW
            )


def test_a_token_that_would_not_verify_is_not_given_out() -> None:
    """A signature in the path is looked for below the mount, and is of the prefix where it stands."""
    options = MediaCdnOptions(mint=Kind.PATH)
    gate = Gate(Realm("/vod", (Accepted("media-cdn", DIALECTS["media-cdn"].carriage, options),)))
    ring = KeyRing([key_of(Algorithm.EDDSA)])
    for prefix, is_good in (("https://cdn.example/vod/", True), ("https://cdn.example/vod/film/", False)):
        claims = Claims(expires=NOW + 60, urls=UrlPrefixes((prefix,)))
        with contextlib.nullcontext() if is_good else pytest.raises(Misuse, match="would refuse"):
            gate.issue("https://cdn.example/vod/film/a.ts", claims, ring, NOW, Transport.PATH)
