"""Apache Traffic Server serves what we sign, and we verify what it renews."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects.access_control import AccessControl
from auth.dialects.uri_signing import CARRIAGE, Match, UriSigning, UriSigningOptions
from auth.dialects.url_sig import CARRIAGE as URL_SIG_CARRIAGE
from auth.dialects.url_sig import UrlSig, UrlSigAlgorithm, UrlSigForm, UrlSigOptions
from auth.encoding import base64url_decode
from auth.jwk import private_jwk
from auth.keys import Key, KeyRing
from auth.renewal import Renewal, RenewalTransport
from auth.renewed import renewed_claims
from auth.request import Request
from auth.rules.expressions import UrlRegex
from auth.rules.url import Url
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import HMAC_KEY, found, key_of
from tests.parts import FOLDER, find_part
from tests.trafficserver import (
    ACCESS_HOST,
    COOKIE_HOST,
    ORIGIN_ANSWERS,
    SIGNING_HOST,
    URL_SIG_HOST,
    TrafficServer,
)

pytestmark = [pytest.mark.system, pytest.mark.needs("trafficserver")]

SIGNING = UriSigning(UriSigningOptions())
ES256 = key_of(Algorithm.ES256)
RING = KeyRing([HMAC_KEY, ES256])
SHARED = Key("key3", Algorithm.SHARED, Secret(b"mv2vPGJpq2iFDbiV3dJG4ZqCAzRTIpTD"))
URL = f"http://{SIGNING_HOST}/foo/bar/a.ts?x=1"
SIG_URL = f"http://{URL_SIG_HOST}/vod/film/a.ts?x=1"


def claims(ends_in: float = 60.0) -> Claims:
    now = float(int(time.time()))
    return Claims(issuer="issuer", audience=("edge-test",), expires=now + ends_in, scope=PathScope.prefix("/foo"))


def renewed_by_cookie() -> Claims:
    return replace(
        claims(),
        scope=None,
        urls=UrlRegex(r"^http://us\.test/foo/.*$"),
        renewal=Renewal(RenewalTransport.COOKIE, 30, path_depth=2),
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrafficServer]:
    program = find_part("trafficserver")
    assert program is not None
    root = FOLDER / "root" if program.is_relative_to(FOLDER) else Path("/")
    keys = [{name: jwk[name] for name in jwk if name != "use"} for jwk in map(private_jwk, RING.keys)]
    issuer = {"keys": keys, "renewal_kid": HMAC_KEY.id, "id": "edge-test", "strip_token": True}
    running = TrafficServer(program, root.resolve(), Path(tmp_path_factory.mktemp("trafficserver")))
    assert isinstance(SHARED.material, Secret)
    secret = SHARED.material.reveal().decode()
    url_sig = {SHARED.id: secret, "error_url": "403", "sig_anchor": URL_SIG_CARRIAGE.name}
    running.start({"issuer": issuer}, url_sig, {SHARED.id: secret})
    try:
        yield running
    finally:
        running.stop()


def target(url: str) -> str:
    return "/" + url.split("/", 3)[3]


@pytest.mark.parametrize("key", RING.keys, ids=lambda key: key.id)
@pytest.mark.parametrize("transport", [Transport.QUERY, Transport.PATH, Transport.COOKIE])
def test_it_serves_what_we_sign(server: TrafficServer, key: Key, transport: Transport) -> None:
    token = SIGNING.mint(claims(), key, Url.parse(URL))
    signed = SIGNING.issue(URL, token, CARRIAGE, "/foo", transport)
    cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in signed.cookies)}
    status, _, asked = server.get(SIGNING_HOST, target(signed.url), cookies)
    assert (status, asked) == (200, "/foo/bar/a.ts?x=1")


@pytest.mark.parametrize(
    "place",
    [
        "/foo/bar/a.ts;URISigningPackage=J",
        "/foo/bar;URISigningPackage=J/a.ts",
        "/foo/URISigningPackage=J/a.ts?y=1",
        "/foo/a.ts?x=1&URISigningPackage=J&y=2",
    ],
)
def test_it_takes_tokens_out_as_we_do(server: TrafficServer, place: str) -> None:
    token = SIGNING.mint(claims(), HMAC_KEY, Url.parse(URL)).reveal()
    path, _, query = place.replace("=J", f"={token}").partition("?")
    bare = SIGNING.strip(path, query, CARRIAGE, "/foo")
    status, _, asked = server.get(SIGNING_HOST, path + (f"?{query}" if query else ""))
    assert (status, asked.partition("?")[0], asked.partition("?")[2]) == (200, *bare)


def test_it_refuses_what_we_would_refuse(server: TrafficServer) -> None:
    outside = SIGNING.mint(replace(claims(), scope=PathScope.prefix("/bar")), HMAC_KEY, Url.parse(URL)).reveal()
    over = SIGNING.mint(claims(-10), HMAC_KEY, Url.parse(URL)).reveal()
    other = SIGNING.mint(claims(), replace(HMAC_KEY, material=Secret(b"x" * 32)), Url.parse(URL)).reveal()
    for token in (outside, over, other, over[:-4]):
        assert server.get(SIGNING_HOST, f"/foo/a.ts?URISigningPackage={token}")[0] == 403


def test_we_verify_what_it_renews(server: TrafficServer) -> None:
    said = renewed_by_cookie()
    token = SIGNING.mint(said, ES256).reveal()
    before = time.time()
    status, cookie, _ = server.get(SIGNING_HOST, f"/foo/bar/a.ts?URISigningPackage={token}")
    assert status == 200
    pair, _, attributes = cookie.partition(";")
    name, _, value = pair.partition("=")
    assert (name, attributes.strip().lower()) == ("URISigningPackage", "path=/foo/bar")
    request = Request("GET", "http", SIGNING_HOST, "/foo/bar/b.ts", cookies=((name, value),))
    located = SIGNING.locate(request, CARRIAGE, "/foo")
    assert located is not None
    renewed = SIGNING.verify(located, RING)
    assert renewed.expires is not None
    assert before + 29 <= renewed.expires <= time.time() + 31
    assert (renewed.key_id, renewed.urls, renewed.renewal) == (HMAC_KEY.id, said.urls, said.renewal)
    assert server.get(SIGNING_HOST, "/foo/bar/b.ts", {"Cookie": f"{name}={value}"})[0] == 200


def test_it_serves_with_our_renewals(server: TrafficServer) -> None:
    first = SIGNING.mint(renewed_by_cookie(), HMAC_KEY).reveal()
    renewed = renewed_claims(SIGNING.verify(found(first), RING), time.time(), 600)
    assert renewed is not None
    token = SIGNING.mint(renewed, ES256).reveal()
    assert server.get(SIGNING_HOST, "/foo/bar/b.ts", {"Cookie": f"URISigningPackage={token}"})[0] == 200


def test_its_expressions_match_the_start_only(server: TrafficServer) -> None:
    """The reading that `match = "start"` is for."""
    lax = UriSigning(UriSigningOptions(match=Match.START))
    rule = UrlRegex(r"http://us\.test/foo", is_whole=False)
    token = lax.mint(replace(claims(), scope=None, urls=rule), HMAC_KEY).reveal()
    assert server.get(SIGNING_HOST, f"/foobar?URISigningPackage={token}")[0] == 200
    assert server.get(SIGNING_HOST, f"/zz/foo?URISigningPackage={token}")[0] == 403


@pytest.mark.parametrize("algorithm", list(UrlSigAlgorithm))
@pytest.mark.parametrize("parts", ["1", "01", "110", "0110", "101"])
@pytest.mark.parametrize("form", list(UrlSigForm))
@pytest.mark.parametrize("url", [SIG_URL, SIG_URL.partition("?")[0]])
def test_it_serves_signed_urls(
    server: TrafficServer, algorithm: UrlSigAlgorithm, parts: str, form: UrlSigForm, url: str
) -> None:
    dialect = UrlSig(UrlSigOptions((algorithm,), parts, form))
    token = dialect.mint(Claims(expires=float(int(time.time()) + 60)), SHARED, Url.parse(url))
    signed = dialect.issue(url, token, URL_SIG_CARRIAGE, "/vod", Transport(form.value)).url
    status, _, asked = server.get(URL_SIG_HOST, target(signed))
    if form is UrlSigForm.PATH:  # it repeats the query upstream
        asked = asked.replace("?x=1?x=1", "?x=1")
    assert (status, asked) == (200, target(url))


@pytest.mark.parametrize("form", list(UrlSigForm))
def test_it_refuses_signed_urls_as_we_do(server: TrafficServer, form: UrlSigForm) -> None:
    dialect = UrlSig(UrlSigOptions(form=form))
    bare = SIG_URL.partition("?")[0]
    token = dialect.mint(Claims(expires=float(int(time.time()) + 60)), SHARED, Url.parse(bare))
    signed = target(dialect.issue(bare, token, URL_SIG_CARRIAGE, "/vod", Transport(form.value)).url)
    over = dialect.mint(Claims(expires=float(int(time.time()) - 10)), SHARED, Url.parse(bare))
    late = target(dialect.issue(bare, over, URL_SIG_CARRIAGE, "/vod", Transport(form.value)).url)
    for altered in (signed.replace("/film", "/flim"), late):
        assert server.get(URL_SIG_HOST, altered)[0] == 403


def access_claims(subject: str, begins_in: float = -9) -> Claims:
    now = float(int(time.time()))
    return Claims(subject=subject, token_id="t-1", expires=now + 60, not_before=now + begins_in, issued_at=now - 9)


@pytest.mark.parametrize("subject", ["frogs-in-a-well", "frogs & fish = 42", "\xff?>~"])
def test_it_serves_with_our_access_tokens(server: TrafficServer, subject: str) -> None:
    token = AccessControl().mint(access_claims(subject), SHARED).reveal()
    cookie = {"Cookie": f"TokenCookie={token}"}
    assert server.get(ACCESS_HOST, "/a/b", cookie, tls=True) == (200, "", "/a/b")


def test_it_refuses_other_access_tokens(server: TrafficServer) -> None:
    early = AccessControl().mint(access_claims("frogs", begins_in=30), SHARED).reveal()
    forged = AccessControl().mint(access_claims("frogs"), replace(SHARED, material=Secret(b"x" * 16))).reveal()
    for token in (early, forged):
        assert server.get(ACCESS_HOST, "/a/b", {"Cookie": f"TokenCookie={token}"}, tls=True)[0] >= 400


@pytest.mark.parametrize("subject", ["f", "fr", "fro", "frogs & fish = 42"])
def test_we_verify_the_cookies_that_it_makes(server: TrafficServer, subject: str) -> None:
    said = access_claims(subject)
    plain = base64url_decode(AccessControl().mint(said, SHARED).reveal()).decode()
    status, cookie, _ = server.get(COOKIE_HOST, "/a/b", {ORIGIN_ANSWERS: plain}, tls=True)
    assert status == 200
    token = cookie.partition(";")[0].removeprefix("TokenCookie=")
    claims = AccessControl().verify(found(token), KeyRing([SHARED]))
    assert claims == replace(said, key_id=SHARED.id, dialect="access-control")
