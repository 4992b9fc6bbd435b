"""The `cloudfront` dialect: the contract, other programs' signatures, and each rule of a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.algorithms import Algorithm
from auth.carriage import Found, Transport
from auth.claims import Claims
from auth.dialects.cloudfront import CARRIAGE, CloudFront, CloudFrontOptions, SignatureHash
from auth.encoding import base64_encode
from auth.enforce import Policy, enforce
from auth.errors import Denied, Misuse, Reason
from auth.jwk import key_from_jwk
from auth.keys import Key, KeyRing
from auth.options import read_options
from auth.primitives import Hash, sign
from auth.request import Request
from auth.rules.url import ExactUrl, Url, UrlPrefixes
from auth.rules.wildcards import UrlWildcards
from auth.scope import PathScope
from auth.secret import Secret, Token
from origin.keystore.generate import new_key
from tests.auth.samples import HMAC_KEY, NOW, key_of
from tests.contracts.dialect import MOUNT, DialectContract, request_of

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "cloudfront.json").read_text())
VECTOR_RING = KeyRing(key_from_jwk(jwk) for jwk in VECTORS["keys"])
CLOUDFRONT = CloudFront(CloudFrontOptions())
ONLY_SHA256 = CloudFront(CloudFrontOptions((SignatureHash.SHA256,)))
EC = key_of(Algorithm.ES256)
RSA = key_of(Algorithm.RS256)
RING = KeyRing([EC, RSA])
URL = "https://cdn.example/vod/film/a.ts?x=1"


def request(url: str, cookies: tuple[tuple[str, str], ...] = ()) -> Request:
    parts = urlsplit(url)
    return Request("GET", parts.scheme, parts.netloc, parts.path, parts.query, cookies=cookies)


def locate(url: str, cookies: tuple[tuple[str, str], ...] = ()) -> Found:
    found = CLOUDFRONT.locate(request(url, cookies), CARRIAGE, MOUNT)
    assert found is not None
    return found


def signed(policy: bytes, *, key: Key = EC, using: str = "SHA256") -> Token:
    """Any bytes as a validly signed custom policy."""
    assert key.signing is not None
    assert not isinstance(key.signing, Secret)
    signature = sign(key.signing, policy, Hash(using.lower()))
    texts = [base64_encode(data).translate(str.maketrans("+=/", "-_~")) for data in (policy, signature)]
    return Token(f"Policy={texts[0]}&Key-Pair-Id={key.id}&Hash-Algorithm={using}&Signature={texts[1]}")


def custom(policy: object) -> Claims:
    data = policy if isinstance(policy, bytes) else json.dumps(policy).encode()
    return CLOUDFRONT.verify(Found(signed(data), Transport.QUERY, "/", ""), RING)


def statement(resource: object = "https://h/*", **conditions: object) -> dict[str, object]:
    usual = {"DateLessThan": {"AWS:EpochTime": NOW + 60}}
    return {"Statement": [{"Resource": resource, "Condition": usual | conditions}]}


class _Contract(DialectContract):
    name = "cloudfront"
    key = EC
    other_key = new_key(Algorithm.ES256, EC.id)
    verify_only_key = replace(EC, verify_only=True)
    transports = (Transport.QUERY, Transport.COOKIE)

    def mint(self) -> Token:
        """One token for all examples: the signatures of ECDSA differ in length."""
        return _minted(self)


@cache
def _minted(contract: _Contract) -> Token:
    return DialectContract.mint(contract)


class TestCanned(_Contract):
    claims = Claims(expires=NOW + 60, urls=ExactUrl(URL))


class TestCannedByRsaAndSha1(_Contract):
    key = RSA
    other_key = new_key(Algorithm.RS256, RSA.id)
    verify_only_key = replace(RSA, verify_only=True)
    claims = Claims(expires=NOW + 60, urls=ExactUrl(URL))
    options = CloudFrontOptions((SignatureHash.SHA1,))


class TestCustom(_Contract):
    claims = Claims(
        expires=NOW + 60,
        not_before=NOW - 10,
        urls=UrlWildcards("https://cdn.example/vod/film/*"),
        networks=(ip_network("192.0.2.0/24"),),
    )


@pytest.mark.parametrize("vector", VECTORS["canned"], ids=lambda vector: vector["source"])
def test_other_programs_signed_urls(vector: Mapping[str, Any]) -> None:
    found = locate(vector["url"])
    claims = CLOUDFRONT.verify(found, VECTOR_RING)
    assert claims.expires == vector["expires"]
    asked = request(vector["url"]).at(found.path, found.query)
    assert asked.query == "size=large"
    assert enforce(claims, asked, Policy(), vector["expires"] - 1) is None
    assert str(enforce(claims, asked, Policy(), vector["expires"])) == "token_expired"
    is_sha1 = vector["hash"] == "sha1"
    if is_sha1:
        with pytest.raises(Denied) as denied:
            ONLY_SHA256.verify(found, VECTOR_RING)
        assert denied.value.reason is Reason.WRONG_ALGORITHM
    other = locate(vector["url"].replace("size=large", "size=small"))
    with pytest.raises(Denied) as denied:
        CLOUDFRONT.verify(other, VECTOR_RING)
    assert denied.value.reason in {Reason.BAD_SIGNATURE, Reason.AMBIGUOUS}


EXPECTED = {"networks": (ip_network("192.0.2.0/24"),), "not_before": 1704067200, "expires": 4102358400}


def test_another_programs_custom_policy() -> None:
    claims = CLOUDFRONT.verify(locate(VECTORS["custom"]["url"]), VECTOR_RING)
    assert {name: getattr(claims, name) for name in EXPECTED} == EXPECTED
    assert claims.urls == UrlWildcards("https://d111111abcdef8.cloudfront.net/vod/a/*")


def test_another_programs_cookies() -> None:
    cookies = tuple(VECTORS["cookies"]["cookies"].items())
    found = locate("https://d111111abcdef8.cloudfront.net/vod/a/index.m3u8?x=1", cookies)
    assert (found.transport, found.query, found.parts) == (Transport.COOKIE, "x=1", cookies)
    claims = ONLY_SHA256.verify(found, VECTOR_RING)
    assert {name: getattr(claims, name) for name in EXPECTED} == EXPECTED


def test_the_parameter_opens_no_hash_function() -> None:
    """SHA-1 said to be SHA-256, and the other way round."""
    url = VECTORS["canned"][0]["url"]
    for altered in (url + "&Hash-Algorithm=SHA256", VECTORS["canned"][1]["url"].replace("SHA256", "SHA1")):
        with pytest.raises(Denied) as denied:
            CLOUDFRONT.verify(locate(altered), VECTOR_RING)
        assert denied.value.reason is Reason.BAD_SIGNATURE


def test_the_order_of_parameters_does_not_matter() -> None:
    parts = urlsplit(VECTORS["canned"][0]["url"])
    query = "&".join(reversed(parts.query.split("&")))
    assert CLOUDFRONT.verify(locate(parts._replace(query=query).geturl()), VECTOR_RING).expires == 4102358400


def test_a_signed_url_beats_cookies() -> None:
    cookies = tuple(VECTORS["cookies"]["cookies"].items())
    assert locate(VECTORS["custom"]["url"], cookies).transport is Transport.QUERY
    for name in ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm", "Key%2DPair-Id"):
        with pytest.raises(Denied) as denied:
            CLOUDFRONT.verify(locate(f"https://cdn.example/vod/a?{name}=1", cookies), VECTOR_RING)
        assert denied.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("name", ["Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm", "%45xpires"])
def test_a_parameter_that_is_there_twice(name: str) -> None:
    with pytest.raises(Denied) as denied:
        locate(f"https://cdn.example/vod/a?{name}=1&Policy=1&{name}=1&%45xpires=1&Expires=2")
    assert denied.value.reason is Reason.AMBIGUOUS


def test_a_cookie_that_is_there_twice() -> None:
    with pytest.raises(Denied) as denied:
        locate(URL, (("CloudFront-Policy", "a"), ("CloudFront-Policy", "a")))
    assert denied.value.reason is Reason.AMBIGUOUS
    assert CLOUDFRONT.locate(request(URL, (("Policy", "a"),)), CARRIAGE, MOUNT) is None


def test_names_mind_case_and_escapes_must_be_whole() -> None:
    assert CLOUDFRONT.locate(request(f"{URL}&expires=1&signature=2"), CARRIAGE, MOUNT) is None
    with pytest.raises(Denied) as denied:
        locate(f"{URL}&Signature=%7")
    assert denied.value.reason is Reason.MALFORMED


def test_expires_and_policy_must_agree() -> None:
    url = VECTORS["canned"][4]["url"].replace("Expires=2000000000", "Expires=2000000001")
    with pytest.raises(Denied) as denied:
        CLOUDFRONT.verify(locate(url), VECTOR_RING)
    assert denied.value.reason is Reason.AMBIGUOUS


@pytest.mark.parametrize("path", ['/vod/a"b', "/vod/a\\b", "/vod/é", "/vod/a b"])
def test_a_url_that_json_would_escape_has_no_canned_policy(path: str) -> None:
    found = CLOUDFRONT.locate(
        Request("GET", "https", "h", path, "Expires=9&Key-Pair-Id=ES256&Signature=AAAA"), CARRIAGE, MOUNT
    )
    assert found is not None
    with pytest.raises(Denied) as denied:
        CLOUDFRONT.verify(found, RING)
    assert denied.value.reason is Reason.MALFORMED


def test_a_canned_token_without_its_url() -> None:
    token = CLOUDFRONT.mint(Claims(expires=NOW), EC, Url.parse(URL))
    with pytest.raises(Denied) as denied:
        CLOUDFRONT.verify(Found(token, Transport.QUERY, "/", ""), RING)
    assert denied.value.reason is Reason.MALFORMED


def test_a_key_for_something_else() -> None:
    token = signed(json.dumps(statement()).encode())
    for key in (Key(EC.id, Algorithm.HS256, HMAC_KEY.material), new_key(Algorithm.ES384, EC.id)):
        with pytest.raises(Denied) as denied:
            CLOUDFRONT.verify(Found(token, Transport.QUERY, "/", ""), KeyRing([key]))
        assert denied.value.reason is Reason.WRONG_ALGORITHM


def test_a_signature_of_two_numbers_side_by_side() -> None:
    """JOSE's form of an ECDSA signature is not CloudFront's."""
    text = signed(b"{}").reveal().rpartition("=")[0] + "=" + "A" * 86 + "__"
    with pytest.raises(Denied) as denied:
        CLOUDFRONT.verify(Found(Token(text), Transport.QUERY, "/", ""), RING)
    assert denied.value.reason is Reason.BAD_SIGNATURE


def test_one_statement_by_itself_or_in_a_list() -> None:
    policy = statement()
    inner = policy["Statement"]
    assert isinstance(inner, list)
    assert custom(policy) == custom({"Statement": inner[0]})
    assert custom(policy).expires == NOW + 60
    assert custom(b" " + json.dumps(policy, indent=2).encode()) == custom(policy)


def test_no_resource_is_everything() -> None:
    claims = custom({"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": NOW + 60}}}]})
    assert (claims.scope, claims.urls) == (None, None)
    assert enforce(claims, request(URL), Policy(scope_required=False), NOW) is None
    assert str(enforce(claims, request(URL), Policy(), NOW)).startswith("scope_missing")


def test_a_beginning() -> None:
    claims = custom(statement("*", DateGreaterThan={"AWS:EpochTime": NOW}))
    assert enforce(claims, request(URL), Policy(), NOW) is None
    assert str(enforce(claims, request(URL), Policy(), NOW - 1)) == "token_not_yet_valid"


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b"[]", Reason.MALFORMED),
        (b'{"Statement":[],"Statement":[]}', Reason.MALFORMED),
        ({}, Reason.MALFORMED),
        ({"Statement": []}, Reason.MALFORMED),
        ({"Statement": [1]}, Reason.MALFORMED),
        ({"Statement": [statement(), statement()]}, Reason.MALFORMED),
        ({"Statement": [{"Resource": "*"}]}, Reason.MALFORMED),
        ({"Statement": [{"Resource": "*", "Condition": {}}]}, Reason.MALFORMED),
        (statement() | {"Version": "2012-10-17"}, Reason.UNSUPPORTED),
        ({"Statement": [{"Effect": "Deny", "Condition": {}}]}, Reason.UNSUPPORTED),
        (statement(StringLike={"aws:Referer": "x"}), Reason.UNSUPPORTED),
        (statement(NotIpAddress={"AWS:SourceIp": "192.0.2.0/24"}), Reason.UNSUPPORTED),
        (statement(IpAddress={"AWS:SourceIp": "2001:db8::/32"}), Reason.UNSUPPORTED),
        (statement(IpAddress={"AWS:SourceIp": "192.0.2.1/24"}), Reason.MALFORMED),
        (statement(IpAddress={"AWS:SourceIp": ["192.0.2.0/24"]}), Reason.MALFORMED),
        (statement(IpAddress={}), Reason.MALFORMED),
        (statement(IpAddress=None), Reason.MALFORMED),
        (statement(DateLessThan={"AWS:EpochTime": 1, "AWS:Other": 2}), Reason.UNSUPPORTED),
        *(
            (statement(DateLessThan={"AWS:EpochTime": x}), Reason.MALFORMED)
            for x in (0, -1, 1.5, "1", True, None, 2**54)
        ),
        (statement(["https://h/*"]), Reason.MALFORMED),
        (statement(None), Reason.MALFORMED),
        (statement("ftp://h/*"), Reason.UNSUPPORTED),
        (statement("https://h/\\*"), Reason.UNSUPPORTED),
    ],
)
def test_a_policy_that_is_not_taken_at_its_word(policy: object, reason: Reason) -> None:
    with pytest.raises(Denied) as denied:
        custom(policy)
    assert denied.value.reason is reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("*:/ha?\\"),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["Statement", "Resource", "Condition", "DateLessThan", "AWS:EpochTime", "IpAddress", "AWS:SourceIp"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_any_authentic_policy_is_claims_or_denied(policy: object) -> None:
    try:
        claims = custom(policy)
    except Denied as refusal:
        reason = refusal.reason
        assert reason in {Reason.MALFORMED, Reason.UNSUPPORTED}
        return
    assert claims.dialect == "cloudfront"


def test_paths_become_patterns() -> None:
    url = Url.parse(URL)
    for scope, pattern in (
        (PathScope.prefix("/vod/film/"), "https://cdn.example/vod/film/*"),
        (PathScope.exact("/vod/film/a.ts"), "https://cdn.example/vod/film/a.ts\\?*"),
    ):
        token = CLOUDFRONT.mint(Claims(expires=NOW, scope=scope), EC, url)
        claims = CLOUDFRONT.verify(Found(token, Transport.QUERY, "/", ""), RING)
        assert claims.urls == UrlWildcards(pattern)
        assert claims.urls.covers(url)


@pytest.mark.parametrize(
    "claims",
    [
        Claims(),
        Claims(expires=NOW + 0.5),
        Claims(expires=0),
        Claims(expires=True),
        Claims(expires=float("nan")),
        Claims(expires=NOW, not_before=NOW),
        Claims(expires=NOW, subject="x"),
        Claims(expires=NOW, methods=frozenset({"GET"})),
        Claims(expires=NOW, scope=PathScope.prefix("/vod")),
        Claims(expires=NOW, scope=PathScope.glob("/vod/*")),
        Claims(expires=NOW, scope=PathScope.exact("/vod/a", "/vod/b")),
        Claims(expires=NOW, scope=PathScope.exact("/vod/a*")),
        Claims(expires=NOW, scope=PathScope.exact("/vod/a"), urls=UrlWildcards("*")),
        Claims(expires=NOW, urls=UrlPrefixes(("https://h/",))),
        Claims(expires=NOW, networks=(ip_network("2001:db8::/32"),)),
        Claims(expires=NOW, networks=(ip_network("192.0.2.0/24"), ip_network("198.51.100.0/24"))),
        Claims(expires=NOW, networks=()),
    ],
)
def test_what_a_policy_cannot_say_is_not_minted(claims: Claims) -> None:
    with pytest.raises(Misuse):
        CLOUDFRONT.mint(claims, EC, Url.parse(URL))


def test_a_star_in_a_url_is_not_signed_as_it_is() -> None:
    with pytest.raises(Misuse):
        CLOUDFRONT.mint(Claims(expires=NOW), EC, Url.parse("https://h/a?x=*"))
    with pytest.raises(Misuse):
        CLOUDFRONT.mint(Claims(expires=NOW), EC)


@pytest.mark.parametrize("key", [HMAC_KEY, new_key(Algorithm.ES384, "k"), new_key(Algorithm.ES256, "a/b")])
def test_keys_that_do_not_sign_here(key: Key) -> None:
    with pytest.raises(Misuse):
        CLOUDFRONT.mint(Claims(expires=NOW), key, Url.parse(URL))


def test_a_url_is_signed_anew_and_keeps_its_fragment() -> None:
    token = CLOUDFRONT.mint(Claims(expires=NOW), EC, Url.parse(URL))
    again = CLOUDFRONT.issue(f"{URL}&Expires=1&Policy=2#top", token, CARRIAGE, MOUNT, Transport.QUERY)
    assert [name for name, _ in parse_qsl(urlsplit(again.url).query)] == [
        *("x", "Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm")
    ]
    assert again.url.endswith("#top")
    assert CLOUDFRONT.locate(request_of(again), CARRIAGE, MOUNT) is not None
    for transport in (Transport.PATH, Transport.HEADER):
        with pytest.raises(Misuse):
            CLOUDFRONT.issue(URL, token, CARRIAGE, MOUNT, transport)


def test_a_description() -> None:
    found = locate(VECTORS["custom"]["url"])
    said = dict(CLOUDFRONT.describe(found))
    assert said["Resource"] == "https://d111111abcdef8.cloudfront.net/vod/a/*"
    assert said["hash"] == "sha1"


def test_a_token_has_a_largest_size() -> None:
    with pytest.raises(Denied) as denied:
        CLOUDFRONT.verify(Found(Token("Policy=" + "A" * 8192), Transport.QUERY, "/", ""), RING)
    assert denied.value.reason is Reason.TOO_LARGE


def test_hashes_are_configured_by_name() -> None:
    assert read_options(CloudFrontOptions, {"hashes": ["sha256"]}).hashes == (SignatureHash.SHA256,)
    for value in ([], ["md5"], "sha1", ["sha384"]):
        with pytest.raises(Misuse):
            read_options(CloudFrontOptions, {"hashes": value})
