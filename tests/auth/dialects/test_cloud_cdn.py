"""The `cloud-cdn` dialect: the contract in three forms, Google's samples, and what is refused."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from auth.algorithms import Algorithm
from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects.cloud_cdn import CARRIAGE, CloudCdn, CloudCdnOptions
from auth.enforce import Policy, judge_request, judge_token
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.request import Request
from auth.rules.url import ExactUrl, Url, UrlPrefixes
from auth.scope import PathScope
from auth.secret import Secret, Token
from tests.auth.samples import NOW, key_of
from tests.contracts.dialect import DialectContract

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "cloud_cdn.json").read_text())
KEY = Key("my-key", Algorithm.SHARED, Secret(urlsafe_b64decode(VECTORS["key"])))
RING = KeyRing([KEY])
DIALECT = CloudCdn(CloudCdnOptions())
COOKIES = CloudCdn(CloudCdnOptions(mint_cookies=True))
URL = "https://cdn.example/vod/film/a.ts?x=1"


def request_for(url: str) -> Request:
    parts = urlsplit(url)
    return Request("GET", parts.scheme, parts.netloc, parts.path, parts.query)


def verified(request: Request, ring: KeyRing = RING) -> Claims:
    found = DIALECT.locate(request, CARRIAGE, "/")
    assert found is not None
    return DIALECT.verify(found, ring)


def denied(request: Request, ring: KeyRing = RING) -> Reason:
    with pytest.raises(Denied) as caught:
        verified(request, ring)
    return caught.value.reason


class TestContract(DialectContract):
    name = "cloud-cdn"
    key = KEY
    other_key = Key("my-key", Algorithm.SHARED, Secret(b"x" * 16))
    verify_only_key = None
    claims = Claims(expires=NOW + 60, urls=ExactUrl(URL))
    transports = (Transport.QUERY,)


class TestContractForAPrefix(TestContract):
    claims = Claims(expires=NOW + 60, urls=UrlPrefixes(("https://cdn.example/vod/film/",)))


class TestContractWithCookies(TestContractForAPrefix):
    options = CloudCdnOptions(mint_cookies=True)
    transports = (Transport.COOKIE,)


@pytest.mark.parametrize("url", VECTORS["urls"])
def test_googles_urls_both_ways(url: str) -> None:
    claims = verified(request_for(url))
    bare = url.replace("&Expires", "?Expires").partition("?Expires")[0]
    assert (claims.expires, claims.key_id, claims.urls) == (1549751401, "my-key", ExactUrl(bare))
    token = DIALECT.mint(claims, KEY, Url.parse(bare))
    assert DIALECT.issue(bare, token, CARRIAGE, "/", Transport.QUERY).url == url


@pytest.mark.parametrize("vector", VECTORS["prefixes"])
def test_googles_prefixes_both_ways(vector: dict[str, str]) -> None:
    claims = verified(request_for(vector["url"]))
    assert claims.urls == UrlPrefixes((vector["prefix"],))
    bare = vector["url"].partition("&URLPrefix")[0]
    assert DIALECT.issue(bare, DIALECT.mint(claims, KEY), CARRIAGE, "/", Transport.QUERY).url == vector["url"]


@pytest.mark.parametrize("vector", VECTORS["cookies"])
def test_googles_cookies_both_ways(vector: dict[str, str]) -> None:
    request = replace(request_for(vector["prefix"] + "a"), cookies=(("Cloud-CDN-Cookie", vector["value"]),))
    claims = verified(request)
    assert claims.urls == UrlPrefixes((vector["prefix"],))
    signed = COOKIES.issue("/foo/a", COOKIES.mint(claims, KEY), CARRIAGE, "/", Transport.COOKIE)
    assert signed.cookies == (("Cloud-CDN-Cookie", vector["value"]),)


def signed_url(claims: Claims | None = None) -> str:
    token = DIALECT.mint(claims or Claims(expires=NOW, urls=ExactUrl(URL)), KEY, Url.parse(URL))
    return DIALECT.issue(URL, token, CARRIAGE, "/", Transport.QUERY).url


def test_the_boundary_in_time() -> None:
    claims = verified(request_for(signed_url()))
    assert judge_token(claims, Policy(), NOW - 0.5) is None
    assert judge_token(claims, Policy(), NOW) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cdn.example", "other.example"),
        ("https", "http"),
        ("a.ts", "b.ts"),
        ("x=1", "x=2"),
        ("x=1&", ""),
        ("x=1&", "x=1&y=2&"),
        (f"Expires={NOW}", f"Expires={NOW + 1}"),
        ("Signature=", "y=2&Signature="),
    ],
)
def test_a_url_is_signed_as_a_whole(old: str, new: str) -> None:
    assert denied(request_for(signed_url().replace(old, new))) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("KeyName=my-key", "KeyName=other", Reason.UNKNOWN_KEY),
        ("&KeyName=my-key", "", Reason.MALFORMED),
        (f"&Expires={NOW}", "", Reason.MALFORMED),
        ("&Signature", "&Expires=1&Signature", Reason.AMBIGUOUS),
        ("&Signature", "&%4beyName=my-key&Signature", Reason.AMBIGUOUS),
        ("&Signature=", "&Signature=%", Reason.MALFORMED),
        ("&Signature=", "&Signature=%FF", Reason.MALFORMED),
        (f"Expires={NOW}", "Expires=x", Reason.MALFORMED),
        ("&Expires", "&URLPrefix=aHR0cHM6Ly9o&Expires", Reason.BAD_SIGNATURE),
    ],
)
def test_parameters_that_do_not_add_up(old: str, new: str, reason: Reason) -> None:
    assert denied(request_for(signed_url().replace(old, new))) is reason


def test_padding_is_part_of_the_signature() -> None:
    assert denied(request_for(signed_url().rstrip("="))) is Reason.BAD_SIGNATURE


def test_padding_may_be_percent_encoded() -> None:
    url = signed_url()
    assert url.endswith("=")
    assert verified(request_for(url[:-1] + "%3D")).expires == NOW


def test_a_prefix_opens_what_begins_with_it() -> None:
    claims = Claims(expires=NOW, urls=UrlPrefixes(("https://cdn.example/vod/film/",)))
    claims = verified(request_for(signed_url(claims)))
    assert judge_request(claims, request_for("https://cdn.example/vod/film/b/c.ts?y=1"), 0) is None
    for url in ("https://cdn.example/vod/a.ts", "http://cdn.example/vod/film/a.ts", "https://x.example/vod/film/a"):
        assert judge_request(claims, request_for(url), 0) is not None
    climbing = Request("GET", "https", "cdn.example", "/vod/film/../a.ts")
    assert judge_request(claims, climbing, 0) is not None


def test_a_key_of_another_kind() -> None:
    key = replace(key_of(Algorithm.EDDSA), id="my-key")
    assert denied(request_for(signed_url()), KeyRing([key])) is Reason.WRONG_ALGORITHM
    with pytest.raises(Misuse):
        DIALECT.mint(Claims(expires=NOW, urls=ExactUrl(URL)), key)


def test_a_query_signature_is_no_cookie_and_the_other_way_round() -> None:
    claims = Claims(expires=NOW, urls=UrlPrefixes(("https://cdn.example/",)))
    with pytest.raises(Misuse):
        DIALECT.issue(URL, DIALECT.mint(claims, KEY), CARRIAGE, "/", Transport.COOKIE)
    with pytest.raises(Misuse):
        DIALECT.issue(URL, COOKIES.mint(claims, KEY), CARRIAGE, "/", Transport.QUERY)
    with pytest.raises(Misuse):
        DIALECT.issue(URL, Token("x"), CARRIAGE, "/", Transport.HEADER)
    text = DIALECT.mint(claims, KEY).reveal()
    cookie = replace(request_for(URL), cookies=(("Cloud-CDN-Cookie", text),))
    assert denied(cookie) is Reason.MALFORMED


def test_without_a_signature_the_names_are_free() -> None:
    request = request_for("https://h/a?Expires=1&KeyName=x")
    assert DIALECT.locate(request, CARRIAGE, "/") is None
    assert DIALECT.strip("/a", "Expires=1&KeyName=x", CARRIAGE, "/") == ("/a", "Expires=1&KeyName=x")


@pytest.mark.parametrize(
    "claims",
    [
        Claims(urls=ExactUrl(URL)),
        Claims(expires=NOW + 0.5, urls=ExactUrl(URL)),
        Claims(expires=-1, urls=ExactUrl(URL)),
        Claims(expires=NOW),
        Claims(expires=NOW, scope=PathScope.exact("/a")),
        Claims(expires=NOW, urls=ExactUrl("https://other/")),
        Claims(expires=NOW, urls=ExactUrl(URL), subject="x"),
        Claims(expires=NOW, urls=ExactUrl(URL), not_before=1),
        Claims(expires=NOW, urls=UrlPrefixes(("https://a/", "https://b/"))),
        Claims(expires=NOW, urls=UrlPrefixes(("https://a/?x",))),
        Claims(expires=NOW, urls=UrlPrefixes(("/vod",))),
    ],
)
def test_nonsense_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        DIALECT.mint(claims, KEY, Url.parse(URL))
