"""The `aws-smd` dialect: the contract, a token of Amazon's SDK, and what is known to go wrong at Amazon's edge."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects.aws_smd import CARRIAGE, AwsSmd
from auth.encoding import base64url_encode
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.primitives import Hash, mac
from auth.request import Place, Request
from auth.rules.viewer import SameViewer
from auth.scope import PathRule, PathScope, Rule
from auth.secret import Secret, Token
from tests.auth.samples import HMAC_KEY, NOW, RING, SECRET, key_of, raw_token
from tests.auth.samples import token as jwt
from tests.contracts.dialect import DialectContract

VECTOR: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "aws-smd.json").read_text())
VECTOR_KEY = Key(VECTOR["key"]["id"], Algorithm.HS256, Secret(VECTOR["key"]["secret"].encode()))
VECTOR_RING = KeyRing([VECTOR_KEY])
SMD = AwsSmd()
VIEWER = Request(
    "GET",
    "https",
    "cdn.example",
    "/",
    "x=1",
    headers=(("user-agent", "player/1"),),
    client=ip_address("192.0.2.7"),
    place=Place("CA", "CA-QC", "Laval"),
)
PAYLOAD: dict[str, object] = {"exp": NOW + 60, "paths": ["/vod/film/"], "exc": ["/ads/"]}


def intsig(text: str) -> str:
    return base64url_encode(mac(Secret(SECRET), text.encode(), Hash.SHA256))


def admit(segment: str, viewer: Request = VIEWER, path: str = "/vod/film/a.ts", ring: KeyRing = RING) -> Claims:
    """The claims of a token on a request, as far as the judge; Denied otherwise."""
    found = SMD.locate(viewer.at(f"/{segment}{path}", viewer.query), CARRIAGE, "/")
    if found is None:
        raise Denied(Reason.ABSENT)
    assert found.path == path
    claims = SMD.verify(found, ring)
    objection = enforce(claims, viewer.at(found.path, found.query), Policy(), NOW)
    if objection is not None:
        raise objection
    return claims


def refusal(segment: str, viewer: Request = VIEWER, path: str = "/vod/film/a.ts", ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as denied:
        admit(segment, viewer, path, ring)
    return denied.value.reason


class TestContract(DialectContract):
    name = "aws-smd"
    key = HMAC_KEY
    other_key = Key("k1", Algorithm.HS256, Secret(b"x" * 32))
    verify_only_key = replace(HMAC_KEY, verify_only=True)
    transports = (Transport.PATH,)
    claims = Claims(
        expires=NOW + 60,
        not_before=NOW - 60,
        issued_at=NOW,
        session_id="sess42",
        scope=PathScope((PathRule(Rule.PREFIX, "/vod/film/"), PathRule(Rule.GLOB, "/vod/trailer**"))),
        conditions=(SameViewer((("header:accept", None), ("query:x", "1"))),),
    )


class TestContractWithoutViewer(TestContract):
    claims = Claims(expires=NOW + 60, scope=PathScope.prefix("/vod/film/"))


def test_a_token_of_the_sdk() -> None:
    segment, _, path = urlsplit(VECTOR["url"]).path[1:].partition("/")
    viewer = replace(VIEWER, client=ip_address(VECTOR["client"]), headers=tuple(VECTOR["headers"].items()))
    claims = admit(segment, viewer, "/" + path, VECTOR_RING)
    assert (claims.session_id, claims.expires) == (VECTOR["session"], 4102444800)
    facts = claims.conditions[0].to_json()
    assert facts == [["client", "192.0.2.7"], ["header:user-agent", "player/1"]]
    assert admit(segment, viewer, "/ads/1.ts", VECTOR_RING).session_id is None
    another = Request("GET", "https", "cdn.example", "/")
    assert admit(segment, another, "/ads/1.ts", VECTOR_RING).conditions == ()
    for other in (
        replace(viewer, client=ip_address("192.0.2.8")),
        replace(viewer, headers=(("user-agent", "player/2"),)),
        replace(viewer, headers=()),
        replace(viewer, headers=(*viewer.headers, *viewer.headers)),
    ):
        assert refusal(segment, other, "/" + path, VECTOR_RING) is Reason.BAD_SIGNATURE
    assert refusal(segment, replace(viewer, client=None), "/" + path, VECTOR_RING) is Reason.WRONG_NETWORK
    assert refusal("x" + segment, viewer, "/" + path, VECTOR_RING) is Reason.BAD_SIGNATURE
    assert refusal(segment.partition(".")[2], viewer, "/" + path, VECTOR_RING) is Reason.MALFORMED
    assert refusal(segment, viewer, "/out/v1/xyz/index.m3u8", VECTOR_RING) is Reason.OUT_OF_SCOPE


@pytest.mark.parametrize("path", ["/vod/film/../b.ts", "/ads/../vod/film/a.ts", "/vod/film/%2e%2e/b", "/vod/film//a"])
def test_paths_are_compared_in_their_normal_form(path: str) -> None:
    assert refusal(jwt(PAYLOAD), path=path) is Reason.OUT_OF_SCOPE


def test_an_exemption_is_no_way_to_other_paths() -> None:
    payload = PAYLOAD | {"ip": True, "ip_ver": 4, "intsig": intsig("198.51.100.1")}
    assert admit(jwt(payload), path="/ads/1.ts").scope == PathScope.prefix("/ads/")
    assert refusal(jwt(payload)) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"ip": True, "ip_ver": 4}, "192.0.2.7"),
        ({"co": True}, "CA"),
        ({"co": True, "cty": True, "reg": True}, "CA:Laval:QC"),
        ({"ip": True, "ip_ver": 4, "reg": True, "headers": ["user-agent"]}, "192.0.2.7:QC:player/1"),
        ({"headers": ["accept", "user-agent"], "qs": ["y", "x"]}, "player/1:1"),
        ({"co": True, "co_fallback": True}, "CA"),
    ],
)
def test_what_intsig_is_made_of(flags: dict[str, object], text: str) -> None:
    assert admit(jwt(PAYLOAD | flags | {"intsig": intsig(text)})).conditions
    assert refusal(jwt(PAYLOAD | flags | {"intsig": intsig(text + ":")})) is Reason.BAD_SIGNATURE
    assert refusal(jwt(PAYLOAD | flags)) is Reason.MALFORMED
    assert refusal(jwt(PAYLOAD | flags | {"intsig": 1})) is Reason.MALFORMED
    assert refusal(jwt(PAYLOAD | flags | {"intsig": "?"})) is Reason.MALFORMED


def test_an_ipv6_address_is_written_out() -> None:
    payload = PAYLOAD | {"ip": True, "ip_ver": 6, "intsig": intsig("2001:0db8:0000:0000:0000:0000:0000:0001")}
    viewer = replace(VIEWER, client=ip_address("2001:db8::1"))
    assert admit(jwt(payload), viewer).expires == NOW + 60
    assert refusal(jwt(payload | {"ip_ver": 4}), viewer) is Reason.WRONG_NETWORK
    assert refusal(jwt(payload)) is Reason.WRONG_NETWORK


@pytest.mark.parametrize("flag", ["co", "cty", "reg"])
def test_an_unknown_place_is_refused(flag: str) -> None:
    payload = PAYLOAD | {flag: True, "co_fallback": True, "reg_fallback": True, "intsig": intsig("")}
    assert refusal(jwt(payload), replace(VIEWER, place=Place())) is Reason.WRONG_PLACE


def test_headers_that_nobody_had() -> None:
    payload = PAYLOAD | {"headers": ["accept"]}
    assert admit(jwt(payload)).expires == NOW + 60
    viewer = replace(VIEWER, headers=(("accept", "x"),))
    assert refusal(jwt(payload), viewer) is Reason.MALFORMED


def test_a_prefix_is_of_characters() -> None:
    payload = PAYLOAD | {"paths": ["/vod/fi"]}
    assert admit(jwt(payload), path="/vod/film/a.ts").scope == PathScope.glob("/vod/fi**")


def test_no_exemptions_at_all() -> None:
    assert admit(jwt({"exp": NOW + 60, "paths": ["/vod/film/"]})).expires == NOW + 60


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"exp": NOW + 60}, Reason.MALFORMED),
        (PAYLOAD | {"paths": []}, Reason.MALFORMED),
        (PAYLOAD | {"paths": "/vod/"}, Reason.MALFORMED),
        (PAYLOAD | {"paths": ["vod/"]}, Reason.MALFORMED),
        (PAYLOAD | {"paths": ["/vod/*"]}, Reason.UNSUPPORTED),
        (PAYLOAD | {"exc": 1}, Reason.MALFORMED),
        (PAYLOAD | {"ip": "yes"}, Reason.MALFORMED),
        (PAYLOAD | {"co_fallback": 1}, Reason.MALFORMED),
        (PAYLOAD | {"headers": ["User-Agent"]}, Reason.MALFORMED),
        (PAYLOAD | {"headers": ["a", "a"]}, Reason.MALFORMED),
        (PAYLOAD | {"ssn": True}, Reason.MALFORMED),
        (PAYLOAD | {"exp": "1"}, Reason.MALFORMED),
        (PAYLOAD | {"aud": "x"}, Reason.UNSUPPORTED),
        (PAYLOAD | {"exp": NOW}, Reason.EXPIRED),
        (PAYLOAD | {"nbf": NOW + 1}, Reason.NOT_YET_VALID),
    ],
)
def test_a_payload_that_is_refused(payload: dict[str, object], reason: Reason) -> None:
    assert refusal(jwt(payload)) is reason


def test_the_envelope() -> None:
    assert refusal(raw_token(b'{"alg":"HS256","kid":"k1"}', b'{"exp":1,"exp":2}')) is Reason.MALFORMED
    assert refusal(jwt(PAYLOAD, header={"typ": "at+jwt"})) is Reason.UNSUPPORTED
    other = key_of(Algorithm.HS384)
    assert refusal(jwt(PAYLOAD, key=other), ring=KeyRing([other])) is Reason.WRONG_ALGORITHM
    with pytest.raises(Denied) as denied:
        SMD.verify(Found(Token("a" * 9000), Transport.PATH, "/", ""), RING)
    assert denied.value.reason is Reason.TOO_LARGE


def test_two_tokens_and_none() -> None:
    segment = jwt(PAYLOAD)
    with pytest.raises(Denied) as denied:
        SMD.locate(VIEWER.at(f"/vod/{segment}/{segment}/a", ""), CARRIAGE, "/vod")
    assert denied.value.reason is Reason.AMBIGUOUS
    for path in (f"/vod/{segment}", f"/{segment}/vod/a", "/vod/v1.2.3/a.ts", "/other/a"):
        assert SMD.locate(VIEWER.at(path, ""), CARRIAGE, "/vod") is None


@pytest.mark.parametrize(
    "claims",
    [
        Claims(expires=NOW),
        Claims(expires=NOW, scope=PathScope.prefix("/vod")),
        Claims(expires=NOW, scope=PathScope.exact("/vod/a")),
        Claims(expires=NOW, scope=PathScope.glob("/vod/*/a**")),
        Claims(expires=NOW, scope=PathScope.prefix("/vod/"), session_id="a.b"),
        Claims(expires=NOW, scope=PathScope.prefix("/vod/"), subject="x"),
        Claims(expires=NOW, scope=PathScope.prefix("/vod/"), networks=(ip_network("192.0.2.0/24"),)),
        Claims(expires=NOW, scope=PathScope.prefix("/vod/"), conditions=(SameViewer((("weather", "x"),)),)),
        Claims(expires=NOW, scope=PathScope.prefix("/vod/"), conditions=(SameViewer((("header:A", "x"),)),)),
        Claims(
            expires=NOW,
            scope=PathScope.prefix("/vod/"),
            conditions=(SameViewer((("query:x", "1"), ("header:a", "x"))),),
        ),
        Claims(expires=NOW, scope=PathScope.prefix("/vod/"), conditions=(SameViewer((("query:x", "1"),)),) * 2),
    ],
)
def test_what_a_token_cannot_say_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        SMD.mint(claims, HMAC_KEY)


def test_every_fact_is_minted_and_read_back() -> None:
    facts = ("client", "country", "city", "subdivision", "header:user-agent", "query:x")
    values = ("192.0.2.7", "CA", "Laval", "QC", "player/1", "1")
    claims = Claims(
        expires=NOW + 60,
        scope=PathScope.prefix("/vod/"),
        conditions=(SameViewer(tuple(zip(facts, values, strict=True))),),
    )
    segment = SMD.mint(claims, HMAC_KEY).reveal()
    assert replace(admit(segment), key_id=None, dialect="") == claims


def test_it_rides_in_the_path_alone() -> None:
    token = Token(jwt(PAYLOAD))
    signed = SMD.issue("https://h:1/vod/a?b=://c#d", token, CARRIAGE, "/vod", Transport.PATH)
    assert signed.url == f"https://h:1/vod/{token.reveal()}/a?b=://c#d"
    assert SMD.issue(signed.url, token, CARRIAGE, "/vod", Transport.PATH) == signed
    for url, transport in (("/vod/a", Transport.QUERY), ("/other/a", Transport.PATH), ("vod/a", Transport.PATH)):
        with pytest.raises(Misuse):
            SMD.issue(url, token, CARRIAGE, "/vod", transport)
