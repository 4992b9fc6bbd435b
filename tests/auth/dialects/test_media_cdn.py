"""The `media-cdn` dialect: the contract for each kind, Google's samples, and what is refused."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.algorithms import Algorithm
from auth.carriage import Transport
from auth.claims import Claims
from auth.dialects.media_cdn import CARRIAGE, Kind, MediaCdn, MediaCdnOptions
from auth.enforce import Policy, enforce, judge_token
from auth.errors import Denied, Misuse, Reason
from auth.keys import Key, KeyRing
from auth.media_tokens import Seal
from auth.options import read_options
from auth.request import Pairs, Request
from auth.rules.url import ExactUrl, Url, UrlPrefixes
from auth.scope import PathScope
from auth.secret import Secret
from tests.auth.samples import NOW
from tests.contracts.dialect import DialectContract

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "media_cdn.json").read_text())
URL = "https://cdn.example/vod/film/a.ts?x=1"
FOO: Pairs = (("foo", "bar"), ("baz", "quux"))


def ed25519(seed: str, key_id: str = "my-key") -> Key:
    return Key(key_id, Algorithm.EDDSA, Ed25519PrivateKey.from_private_bytes(urlsafe_b64decode(seed)))


SIGNER = ed25519(VECTORS["signatures"]["seed"])
TOKEN_KEY = ed25519(VECTORS["tokens"]["seed"])
SECRET = urlsafe_b64decode(VECTORS["tokens"]["hmac_key"])
SHARED = Key("h1", Algorithm.SHARED, Secret(SECRET))
TOKENS = MediaCdn(MediaCdnOptions())
MACS = MediaCdn(MediaCdnOptions(algorithms=(Seal.HMAC_SHA256, Seal.HMAC_SHA1)))
FULL = Claims(
    not_before=NOW - 10,
    expires=NOW + 60,
    session_id="s-1",
    scope=PathScope.glob("/vod/**", "/x/?.ts"),
    networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
)


def request_for(url: str, **others: Any) -> Request:
    parts = urlsplit(url)
    return Request("GET", parts.scheme, parts.netloc, parts.path, parts.query, **others)


def verified(dialect: MediaCdn, request: Request, key: Key, mount: str = "/") -> Claims:
    found = dialect.locate(request, CARRIAGE, mount)
    assert found is not None
    return dialect.verify(found, KeyRing([key]))


def denied(dialect: MediaCdn, request: Request, key: Key) -> Reason:
    with pytest.raises(Denied) as caught:
        verified(dialect, request, key)
    return caught.value.reason


def with_token(text: str, path: str = "/example.m3u8", headers: Pairs = ()) -> Request:
    return Request("GET", "https", "h", path, f"edge-cache-token={text}", headers)


class TestContract(DialectContract):
    name = "media-cdn"
    key = TOKEN_KEY
    other_key = ed25519(VECTORS["path"]["seed"])
    verify_only_key: ClassVar[Key | None] = replace(TOKEN_KEY, verify_only=True)
    claims = FULL
    transports: ClassVar[tuple[Transport, ...]] = (Transport.QUERY, Transport.COOKIE)


class TestContractWithHmac(TestContract):
    key = SHARED
    other_key = Key("h1", Algorithm.SHARED, Secret(b"x" * 16))
    verify_only_key = None
    claims = replace(FULL, scope=PathScope.exact("/vod/film/a.ts"))
    options = MediaCdnOptions(algorithms=(Seal.HMAC_SHA256,))


class TestContractWithSha1AndAPrefix(TestContractWithHmac):
    claims = replace(FULL, scope=None, urls=UrlPrefixes(("https://cdn.example/vod/",)))
    options = MediaCdnOptions(algorithms=(Seal.HMAC_SHA1,))


class TestContractForAUrl(TestContract):
    claims = Claims(expires=NOW, urls=ExactUrl(URL))
    options = MediaCdnOptions(mint=Kind.SIGNATURE)
    transports = (Transport.QUERY,)


class TestContractForAPrefix(TestContractForAUrl):
    claims = Claims(expires=NOW, urls=UrlPrefixes(("https://cdn.example/vod/",)))


class TestContractWithCookies(TestContractForAPrefix):
    options = MediaCdnOptions(mint=Kind.COOKIE)
    transports = (Transport.COOKIE,)


class TestContractInThePath(TestContractForAPrefix):
    options = MediaCdnOptions(mint=Kind.PATH)
    transports = (Transport.PATH,)


def test_googles_signed_url_both_ways() -> None:
    vector = VECTORS["signatures"]
    signed = f"{vector['url']}?Expires={vector['expires']}&KeyName=my-key&Signature={vector['url_signature']}"
    claims = verified(TOKENS, request_for(signed), SIGNER)
    assert (claims.expires, claims.urls) == (vector["expires"], ExactUrl(vector["url"]))
    dialect = MediaCdn(MediaCdnOptions(mint=Kind.SIGNATURE))
    token = dialect.mint(claims, SIGNER, Url.parse(vector["url"]))
    assert dialect.issue(vector["url"], token, CARRIAGE, "/", Transport.QUERY).url == signed


def test_googles_signed_cookie_both_ways() -> None:
    vector = VECTORS["signatures"]
    claims = Claims(expires=vector["expires"], urls=UrlPrefixes((vector["cookie_prefix"],)))
    token = MediaCdn(MediaCdnOptions(mint=Kind.COOKIE)).mint(claims, SIGNER)
    assert token.reveal().endswith(f":Signature={vector['cookie_signature']}")
    request = request_for(vector["cookie_prefix"] + "a", cookies=(("Edge-Cache-Cookie", token.reveal()),))
    assert verified(TOKENS, request, SIGNER).urls == claims.urls


def test_googles_path_both_ways() -> None:
    vector = VECTORS["path"]
    key = ed25519(vector["seed"], vector["key_id"])
    request = request_for(f"{vector['prefix']}edge-cache-token={vector['token']}/video/a.ts")
    claims = verified(TOKENS, request, key)
    assert (claims.expires, claims.urls) == (1663070400, UrlPrefixes((vector["prefix"],)))
    assert MediaCdn(MediaCdnOptions(mint=Kind.PATH)).mint(claims, key).reveal() == vector["token"]


def test_googles_tokens_with_ed25519() -> None:
    prefix, full = VECTORS["tokens"]["ed25519"]
    claims = verified(TOKENS, with_token(prefix["token"]), TOKEN_KEY)
    assert (claims.expires, claims.urls) == (1663070400, UrlPrefixes((prefix["prefix"],)))
    assert TOKENS.mint(claims, TOKEN_KEY).reveal() == prefix["token"]
    claims = verified(TOKENS, with_token(full["token"]), TOKEN_KEY)
    assert claims.scope == PathScope.exact(full["path"])
    assert TOKENS.mint(claims, TOKEN_KEY, Url.parse("https://h" + full["path"])).reveal() == full["token"]
    assert denied(TOKENS, with_token(full["token"], "/other.m3u8"), TOKEN_KEY) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("vector", VECTORS["tokens"]["hmac"], ids=lambda vector: vector["token"][:9])
def test_googles_tokens_with_hmac(vector: dict[str, str]) -> None:
    dialect = MediaCdn(read_options(MediaCdnOptions, {"algorithms": [vector["algorithm"]]}))
    claims = verified(dialect, with_token(vector["token"], headers=FOO), SHARED)
    assert claims.expires == 1663070400
    assert denied(TOKENS, with_token(vector["token"], headers=FOO), SHARED) is Reason.WRONG_ALGORITHM
    if vector["token"].startswith("PathGlobs"):
        assert (claims.session_id, claims.extra) == ("test-id", (("Data", "test-data"),))
        assert (claims.not_before, claims.scope) == (1663027200, PathScope.glob("/**"))
        # 2001:db8:4a7f:a732/64, as the sample has it, is no address.
        assert claims.networks == (ip_network("203.0.113.0/24"),)


def test_header_fields_are_signed_by_their_values() -> None:
    text = VECTORS["tokens"]["hmac"][1]["token"]
    for headers in ((), (("foo", "bar"),), (*FOO, ("foo", "bar"))):
        assert denied(MACS, with_token(text, headers=headers), SHARED) is Reason.WRONG_HEADER
    assert denied(MACS, with_token(text, headers=(("foo", "bar"), ("baz", "x"))), SHARED) is Reason.BAD_SIGNATURE


def test_a_header_value_cannot_swallow_a_field() -> None:
    """Otherwise it would be sent in the place of the restriction that it says."""
    signed = "PathGlobs=/*~Expires=5~Headers=Foo=bar~IPRanges=MTkyLjAuMi4xLzMy"
    seal = sealed(signed).rpartition("~")[2]
    stripped = f"PathGlobs=/*~Expires=5~Headers=Foo~{seal}"
    headers = (("foo", "bar~IPRanges=MTkyLjAuMi4xLzMy"),)
    assert denied(MACS, with_token(stripped, headers=headers), SHARED) is Reason.MALFORMED
    swallowed = f"FullPath~SessionID=s~{sealed('FullPath=/a~Expires=5~SessionID=s').rpartition('~')[2]}"
    assert denied(MACS, with_token(swallowed, "/a~Expires=5"), SHARED) is Reason.MALFORMED


def sealed(fields: str) -> str:
    return f"{fields}~hmac={hmac.new(SECRET, fields.encode(), 'sha256').hexdigest()}"


@pytest.mark.parametrize(
    ("fields", "claims"),
    [
        ("paths=/a!/b~st=1~exp=5~id=s~payload=d", Claims(scope=PathScope.exact("/a", "/b"), extra=(("Data", "d"),))),
        ("acl=/a,/b~st=1~exp=5~id=s~data=d", Claims(scope=PathScope.exact("/a", "/b"), extra=(("Data", "d"),))),
    ],
)
def test_other_names_of_fields(fields: str, claims: Claims) -> None:
    read = verified(MACS, with_token(sealed(fields)), SHARED)
    wanted = replace(claims, not_before=1, expires=5, session_id="s", key_id="h1", dialect="media-cdn")
    assert read == wanted


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("Expires=5", Reason.MALFORMED),
        ("PathGlobs=/a~URLPrefix=aHR0cHM6Ly9o~Expires=5", Reason.MALFORMED),
        ("PathGlobs=/a~acl=/b~Expires=5", Reason.MALFORMED),
        ("PathGlobs=/a~Expires=5~exp=6", Reason.MALFORMED),
        ("PathGlobs=/a~Expires=", Reason.MALFORMED),
        ("PathGlobs=/a~Expires=1e3", Reason.MALFORMED),
        ("PathGlobs=a~Expires=5", Reason.MALFORMED),
        ("PathGlobs=~Expires=5", Reason.MALFORMED),
        ("URLPrefix=!~Expires=5", Reason.MALFORMED),
        ("URLPrefix=L2E~Expires=5", Reason.MALFORMED),
        ("PathGlobs=/a~Expires=5~IPRanges=!", Reason.MALFORMED),
        ("PathGlobs=/a~Expires=5~SessionID=", Reason.MALFORMED),
        ("FullPath=/a~Expires=5", Reason.MALFORMED),
        ("PathGlobs=/a~Expires=5~Headers=", Reason.MALFORMED),
        ("PathGlobs=/a~Expires=5~Country=CA", Reason.UNSUPPORTED),
        ("PathGlobs=/a~Expires=5~", Reason.UNSUPPORTED),
    ],
)
def test_authentic_nonsense(fields: str, reason: Reason) -> None:
    assert denied(MACS, with_token(sealed(fields)), SHARED) is reason


def test_a_token_that_no_range_admits_admits_nobody() -> None:
    claims = verified(MACS, with_token(sealed("PathGlobs=/*~Expires=2000000000~IPRanges=eA")), SHARED)
    assert claims.networks == ()
    request = Request("GET", "https", "h", "/a", client=ip_address("192.0.2.1"))
    objection = enforce(claims, request, Policy(), NOW)
    assert objection is not None
    assert objection.reason is Reason.WRONG_NETWORK


def test_the_boundary_in_time() -> None:
    claims = verified(MACS, with_token(sealed(f"PathGlobs=/*~Expires={NOW}")), SHARED)
    assert judge_token(claims, Policy(), NOW - 0.5) is None
    assert judge_token(claims, Policy(), NOW) is not None


def test_an_algorithm_is_a_matter_of_the_key() -> None:
    """A public key is no secret to compute an HMAC with."""
    everything = MediaCdn(MediaCdnOptions(algorithms=tuple(Seal)))
    assert denied(everything, with_token(sealed("PathGlobs=/*~Expires=5")), TOKEN_KEY) is Reason.UNKNOWN_KEY
    text = TOKENS.mint(FULL, TOKEN_KEY).reveal()
    assert denied(everything, with_token(text), SHARED) is Reason.UNKNOWN_KEY
    assert denied(MACS, with_token(text), SHARED) is Reason.WRONG_ALGORITHM


def test_a_token_and_a_signature_are_ambiguous() -> None:
    request = Request("GET", "https", "h", "/a", "edge-cache-token=x~y&Expires=1&KeyName=k&Signature=x")
    assert denied(TOKENS, request, TOKEN_KEY) is Reason.AMBIGUOUS


def test_what_is_closed_is_not_read() -> None:
    request = Request("GET", "https", "h", "/a", "edge-cache-token=x~y", cookies=(("Edge-Cache-Cookie", "x"),))
    assert TOKENS.locate(request, replace(CARRIAGE, transports=frozenset({Transport.HEADER})), "/") is None
    assert TOKENS.strip("/a", "edge-cache-token=x", replace(CARRIAGE, transports=frozenset({Transport.COOKIE})), "/")[1]


def test_a_signature_in_the_path_is_for_this_place() -> None:
    dialect = MediaCdn(MediaCdnOptions(mint=Kind.PATH))
    claims = Claims(expires=NOW, urls=UrlPrefixes(("https://h/vod/",)))
    text = dialect.mint(claims, SIGNER).reveal()
    assert verified(dialect, request_for(f"https://h/vod/edge-cache-token={text}/a"), SIGNER, "/vod").expires == NOW
    for url, mount in (("https://h/live/", "/live"), ("http://h/vod/", "/vod"), ("https://x/vod/", "/vod")):
        with pytest.raises(Denied) as caught:
            verified(dialect, request_for(f"{url}edge-cache-token={text}/a"), SIGNER, mount)
        assert caught.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        (Kind.TOKEN, Claims(expires=NOW)),
        (Kind.TOKEN, Claims(expires=NOW, urls=ExactUrl(URL))),
        (Kind.TOKEN, Claims(expires=NOW + 0.5, scope=PathScope.exact("/a"))),
        (Kind.TOKEN, Claims(expires=NOW, not_before=NOW, scope=PathScope.exact("/a"))),
        (Kind.TOKEN, Claims(expires=NOW, scope=PathScope.exact("/a,b"))),
        (Kind.TOKEN, Claims(expires=NOW, scope=PathScope.exact("/a"), subject="x")),
        (Kind.TOKEN, Claims(expires=NOW, scope=PathScope.exact("/a"), session_id="a~b")),
        (Kind.TOKEN, Claims(expires=NOW, scope=PathScope.exact("/a"), extra=(("tier", "x"),))),
        (Kind.SIGNATURE, Claims(expires=NOW, scope=PathScope.exact("/a"))),
        (Kind.SIGNATURE, Claims(expires=NOW, urls=ExactUrl("https://other/"))),
        (Kind.COOKIE, Claims(expires=NOW, urls=ExactUrl(URL))),
        (Kind.PATH, Claims(expires=NOW, urls=ExactUrl(URL))),
        (Kind.PATH, Claims(expires=NOW, urls=UrlPrefixes(("https://h/a",)))),
        (Kind.PATH, Claims(urls=UrlPrefixes(("https://h/",)))),
    ],
)
def test_nonsense_is_not_minted(kind: Kind, claims: Claims) -> None:
    with pytest.raises(Misuse):
        MediaCdn(MediaCdnOptions(mint=kind)).mint(claims, TOKEN_KEY, Url.parse(URL))


def test_a_kind_has_its_transports() -> None:
    prefix = Claims(expires=NOW, urls=UrlPrefixes(("https://cdn.example/",)))
    for kind, transport in ((Kind.TOKEN, Transport.PATH), (Kind.COOKIE, Transport.QUERY), (Kind.PATH, Transport.QUERY)):
        dialect = MediaCdn(MediaCdnOptions(mint=kind))
        with pytest.raises(Misuse):
            dialect.issue(URL, dialect.mint(prefix, SIGNER), CARRIAGE, "/", transport)


def test_keys_that_do_not_fit() -> None:
    with pytest.raises(Misuse):
        TOKENS.mint(FULL, SHARED)
    with pytest.raises(Misuse):
        MACS.mint(FULL, TOKEN_KEY)
    with pytest.raises(Misuse):
        MediaCdn(MediaCdnOptions(algorithms=()))
    signed = f"{URL}&Expires=1&KeyName=h1&Signature=AAAA"
    assert denied(TOKENS, request_for(signed), SHARED) is Reason.WRONG_ALGORITHM
