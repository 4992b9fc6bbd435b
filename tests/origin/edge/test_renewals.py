"""A token that asks to be renewed, answer by answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest

from auth import Accepted, Carriage, Claims, Gate, PathScope, Realm, SessionPolicy, Transport
from auth.carriage import Found
from auth.dialects.dialect import OneName, Spec
from auth.dialects.jwt import Jwt
from auth.keys import Key, KeyRing
from auth.renewal import Renewal, RenewalTransport
from auth.rules.url import Url
from auth.secret import Token
from origin.edge.admission import Admission, admit
from origin.edge.lifetimes import Audience
from origin.edge.mount import Exchange, Mount, Propagation
from origin.edge.renewals import renewal_fields
from origin.storage.memory import MemoryStore
from tests.edge_parts import RING, inbound, signed_mount

NOW = 1_800_000_000.0
PATH = "/vod/film/hd/0.ts"
CLAIMS = Claims(issued_at=NOW, expires=NOW + 60, scope=PathScope.prefix("/vod"), dialect="asking")


@dataclass
class Asking(OneName):
    """JSON Web Tokens whose issuer asks for a renewal outside of them."""

    renewal: Renewal

    def verify(self, found: Found, ring: KeyRing) -> Claims:
        return replace(Jwt().verify(found, ring), renewal=self.renewal, dialect="asking")

    def mint(self, claims: Claims, key: Key, url: Url | None = None) -> Token:
        return Jwt().mint(replace(claims, renewal=None, session_ends=None), key, url)

    def describe(self, found: Found) -> tuple[tuple[str, str], ...]:
        return Jwt().describe(found)


def mount(renewal: Renewal, carriage: Carriage = Carriage()) -> Mount:  # noqa: B008
    realm = Realm("/vod", (Accepted("asking", carriage),))
    gate = Gate(realm, {"asking": Spec(lambda _options: Asking(renewal))})
    plain = signed_mount(MemoryStore(), Propagation.NONE)
    assert plain.protection is not None
    return replace(plain, protection=replace(plain.protection, gate=gate))


def admission(mount: Mount, by: Transport = Transport.QUERY, claims: Claims = CLAIMS, path: str = PATH) -> Admission:
    assert mount.protection is not None
    signed = mount.protection.gate.issue(path, claims, RING, NOW, by)
    path, _, query = signed.url.partition("?")
    asked = inbound(path, *signed.headers, query=query)
    return admit(mount, replace(asked, facts=replace(asked.facts, cookies=signed.cookies)), NOW)


def fields(renewal: Renewal, later: float = 10, by: Transport = Transport.QUERY, path: str = PATH) -> list[str]:
    one = mount(renewal)
    answer = renewal_fields(one, admission(one, by, path=path), inbound(path), NOW + later)
    return [f"{name}: {value}" for name, value in answer]


def by(transport: RenewalTransport, **more: object) -> Renewal:
    return replace(Renewal(transport, 30), **more)  # type: ignore[arg-type]


def expiry(field: str) -> float | None:
    text = re.search(r"ey[\w.-]+", field)
    assert text is not None
    return Jwt().verify(Found(Token(text[0]), Transport.QUERY, PATH, ""), RING).expires


def test_by_cookie() -> None:
    [field] = fields(by(RenewalTransport.COOKIE))
    assert re.sub(r"=ey[\w.-]+", "=T", field) == (
        "Set-Cookie: token=T; Max-Age=30; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    )
    assert expiry(field) == NOW + 40


@pytest.mark.parametrize(
    ("depth", "path"), [(None, "/"), (0, "/"), (1, "/vod"), (3, "/vod/film/hd"), (4, PATH), (5, None)]
)
def test_the_cookies_path_has_as_many_segments_as_asked_for(depth: int | None, path: str | None) -> None:
    found = fields(by(RenewalTransport.COOKIE, path_depth=depth))
    assert [re.search(r"Path=([^;]*)", field)[1] for field in found] == ([] if path is None else [path])  # type: ignore[index]


@pytest.mark.parametrize(("window", "later", "is_due"), [(None, 0, True), (20, 39, False), (20, 40, True)])
def test_when_it_is_due(window: float | None, later: float, is_due: bool) -> None:
    assert bool(fields(by(RenewalTransport.COOKIE, window=window), later)) is is_due


def test_a_cookie_of_the_tokens_own_choice_stays_harmless() -> None:
    asked = ("Path=/vod", "SameSite=Lax", "Max-Age=9", "x=1; Domain=evil", "Path=/a\r\nX: y", "Secure")
    [field] = fields(by(RenewalTransport.COOKIE, cookie_name="own", cookie_attributes=asked))
    assert field.startswith("Set-Cookie: own=ey")
    assert field.endswith("; Max-Age=30; Secure; HttpOnly; Path=/vod; SameSite=Lax")
    [field] = fields(by(RenewalTransport.COOKIE, cookie_name="a b;"))
    assert field.startswith("Set-Cookie: token=ey")


def test_by_header() -> None:
    found = fields(by(RenewalTransport.HEADER))
    assert [field.partition(": ")[0] for field in found] == ["CTA-Common-Access-Token", "Common-Access-Token"]
    assert [expiry(field) for field in found] == [NOW + 40] * 2
    assert [field.partition(": ")[0] for field in fields(by(RenewalTransport.HEADER, header_name="X-Own"))] == ["X-Own"]
    assert fields(by(RenewalTransport.HEADER, header_name="Set-Cookie")) == []


@pytest.mark.parametrize(
    ("came_by", "name"), [("cookie", "Set-Cookie"), ("header", "CTA-Common-Access-Token"), ("query", None)]
)
def test_the_way_it_came(came_by: str, name: str | None) -> None:
    found = fields(by(RenewalTransport.SAME), by=Transport(came_by))
    assert [field.partition(":")[0] for field in found][:1] == ([] if name is None else [name])


@pytest.mark.parametrize("transport", [RenewalTransport.QUERY, RenewalTransport.REDIRECT])
def test_what_goes_by_the_url_is_in_no_field(transport: RenewalTransport) -> None:
    assert fields(by(transport)) == []


def test_who_gets_none() -> None:
    one = mount(by(RenewalTransport.COOKIE))
    usual = admission(one)
    assert usual.grant is not None
    assert one.protection is not None
    once = replace(usual, grant=replace(usual.grant, claims=replace(usual.grant.claims, one_time=True)))
    plain = replace(usual, grant=replace(usual.grant, claims=replace(usual.grant.claims, renewal=None)))
    shared = replace(usual, audience=Audience.EDGE)
    for other in (once, plain, shared, replace(usual, grant=None)):
        assert renewal_fields(one, other, inbound(PATH), NOW) == ()
    exchange = Exchange(frozenset({"asking"}), SessionPolicy(), lambda: "s-1")
    exchanging = replace(one, protection=replace(one.protection, exchange=exchange))
    assert renewal_fields(exchanging, usual, inbound(PATH), NOW) == ()
    verifying = replace(one, protection=replace(one.protection, rings=KeyRing))
    assert renewal_fields(verifying, usual, inbound(PATH), NOW) == ()
    assert renewal_fields(replace(one, protection=None), usual, inbound(PATH), NOW) == ()


def test_no_successor_outlives_the_session() -> None:
    one = mount(by(RenewalTransport.COOKIE))
    usual = admission(one)
    assert usual.grant is not None
    for ends, expires in ((NOW + 35, NOW + 35), (NOW + 10, None)):
        ending = replace(usual.grant.claims, session_ends=ends)
        found = renewal_fields(one, replace(usual, grant=replace(usual.grant, claims=ending)), inbound(PATH), NOW + 10)
        assert [expiry(value) for _, value in found] == ([] if expires is None else [expires])


def test_a_chain_of_successors_ends() -> None:
    one = mount(by(RenewalTransport.COOKIE))
    assert one.protection is not None
    short = replace(one, protection=replace(one.protection, renewed_for=35))
    usual = admission(one)
    for later, expires in ((4, NOW + 34), (10, NOW + 35), (34.5, NOW + 35), (35, None)):
        found = renewal_fields(short, usual, inbound(PATH), NOW + later)
        assert [expiry(value) for _, value in found] == ([] if expires is None else [expires])
