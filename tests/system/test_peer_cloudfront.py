"""botocore signs and we verify; and what we sign is what botocore signs, to the byte."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.signers import CloudFrontSigner

from auth import Algorithm, Claims, Gate, KeyRing, Realm
from auth.algorithms import PrivateKey
from auth.carriage import Transport
from auth.dialects import DIALECTS
from auth.dialects.cloudfront import CloudFrontOptions, SignatureHash
from auth.primitives import Hash, sign
from auth.realm import Accepted
from auth.request import Request
from auth.rules.url import ExactUrl
from auth.rules.wildcards import UrlWildcards
from auth.secret import Secret
from origin.keystore.generate import new_key

pytestmark = pytest.mark.system

EXPIRES = 1_900_000_000
NOW = EXPIRES - 60
URL = "https://cdn.example/vod/a/index.m3u8?size=large"
RSA = new_key(Algorithm.RS256, "K2JCJMDEHXQW5F")
EC = new_key(Algorithm.ES256, "KECDSA1")


def signer(algorithm: Algorithm, using: Hash) -> tuple[Any, KeyRing]:
    """botocore takes whatever signs: any key, any hash function."""
    key = RSA if algorithm is Algorithm.RS256 else EC
    private = key.signing
    assert private is not None
    assert not isinstance(private, Secret)
    return CloudFrontSigner(key.id, partial(_sign, private, using)), KeyRing([key])


def _sign(private: PrivateKey, using: Hash, message: bytes) -> bytes:
    return sign(private, message, using)


def gate(hashes: tuple[SignatureHash, ...] = (SignatureHash.SHA256, SignatureHash.SHA1)) -> Gate:
    carriage = DIALECTS["cloudfront"].carriage
    return Gate(Realm("/vod", (Accepted("cloudfront", carriage, CloudFrontOptions(hashes)),)))


def request(url: str) -> Request:
    parts = urlsplit(url)
    return Request("GET", parts.scheme, parts.netloc, parts.path, parts.query, client=ip_address("192.0.2.7"))


def at(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


@pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.ES256])
@pytest.mark.parametrize("using", [Hash.SHA1, Hash.SHA256])
def test_its_canned_urls_are_let_in(algorithm: Algorithm, using: Hash) -> None:
    botocore, ring = signer(algorithm, using)
    url = botocore.generate_presigned_url(URL, date_less_than=at(EXPIRES))
    if using is Hash.SHA256:
        url += "&Hash-Algorithm=SHA256"
    grant = gate().admit(request(url), ring, NOW)
    assert (grant.claims.expires, grant.claims.urls) == (EXPIRES, ExactUrl(URL))
    assert (grant.transport, grant.query) == (Transport.QUERY, "size=large")


def test_its_custom_policies_are_let_in() -> None:
    botocore, ring = signer(Algorithm.RS256, Hash.SHA1)
    policy = botocore.build_policy(
        "https://cdn.example/vod/*", at(EXPIRES), date_greater_than=at(NOW), ip_address="0.0.0.0/0"
    )
    url = botocore.generate_presigned_url(URL, policy=policy)
    claims = gate().admit(request(url), ring, NOW).claims
    assert claims.urls == UrlWildcards("https://cdn.example/vod/*")
    assert claims.not_before == NOW
    assert claims.networks == (ip_network("0.0.0.0/0"),)


@pytest.mark.parametrize(
    ("claims", "policy"),
    [
        (Claims(expires=EXPIRES, urls=ExactUrl(URL)), None),
        (Claims(expires=EXPIRES, urls=UrlWildcards("https://cdn.example/vod/*")), {}),
        (
            Claims(
                expires=EXPIRES,
                not_before=NOW,
                urls=UrlWildcards("https://cdn.example/vod/*"),
                networks=(ip_network("192.0.2.0/24"),),
            ),
            {"date_greater_than": at(NOW), "ip_address": "192.0.2.0/24"},
        ),
    ],
)
def test_our_urls_are_its_urls(claims: Claims, policy: dict[str, Any] | None) -> None:
    botocore, ring = signer(Algorithm.RS256, Hash.SHA1)
    if policy is None:
        theirs = botocore.generate_presigned_url(URL, date_less_than=at(EXPIRES))
    else:
        text = botocore.build_policy("https://cdn.example/vod/*", at(EXPIRES), **policy)
        theirs = botocore.generate_presigned_url(URL, policy=text)
    ours = gate((SignatureHash.SHA1,)).sign(URL, claims, ring, NOW)
    assert ours == theirs
    assert set(parse_qs(urlsplit(ours).query)) > {"Signature", "Key-Pair-Id", "size"}
