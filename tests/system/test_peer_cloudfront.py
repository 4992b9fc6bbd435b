"""Two of Amazon's libraries sign and we verify; and what we sign is what they sign, to the byte.

PyPI `botocore` runs here, npm `@aws-sdk/cloudfront-signer` in node.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth import Algorithm, Claims, Gate, KeyRing, Realm
from auth.algorithms import PrivateKey
from auth.carriage import Transport
from auth.dialects import DIALECTS
from auth.dialects.cloudfront import CloudFrontOptions, SignatureHash
from auth.errors import Denied, Reason
from auth.primitives import Hash, sign
from auth.realm import Accepted
from auth.request import Request
from auth.rules.url import ExactUrl
from auth.rules.wildcards import UrlWildcards
from auth.secret import Secret
from origin.keystore.generate import new_key
from tests.parts import find_part

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


_NODE = """
import { getSignedCookies, getSignedUrl } from "@aws-sdk/cloudfront-signer";
import { readFileSync } from "node:fs";
const { privateKey, keyPairId, jobs } = JSON.parse(readFileSync(0, "utf8"));
const signs = { url: getSignedUrl, cookies: getSignedCookies };
const results = jobs.map(([kind, job]) => signs[kind]({ ...job, privateKey, keyPairId }));
process.stdout.write(JSON.stringify(results));
"""


def node(*jobs: tuple[str, dict[str, object]]) -> list[Any]:
    """What npm `@aws-sdk/cloudfront-signer` makes of the jobs."""
    folder, program = find_part("peers"), find_part("node")
    assert folder is not None
    assert program is not None
    assert isinstance(RSA.signing, RSAPrivateKey)
    pem = RSA.signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    done = subprocess.run(
        [str(program), "--input-type=module", "-e", _NODE],
        cwd=folder,
        input=json.dumps({"privateKey": pem, "keyPairId": RSA.id, "jobs": jobs}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[Any] = json.loads(done.stdout)
    return results


@pytest.mark.needs("node", "peers")
@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256"])
def test_the_other_librarys_urls_and_cookies(algorithm: str) -> None:
    usual: dict[str, object] = {"url": URL, "dateLessThan": EXPIRES * 1000, "algorithm": algorithm}
    custom = usual | {"dateGreaterThan": NOW * 1000, "ipAddress": "192.0.2.0/24"}
    wide = custom | {"url": "https://cdn.example/vod/*"}
    jobs = [(kind, job) for kind in ("url", "cookies") for job in (usual, custom)]
    *urls, first, second, third = node(*jobs, ("cookies", wide))
    ring, door = KeyRing([RSA]), gate((SignatureHash(algorithm.lower()),))
    for url in urls:
        grant = door.admit(request(url), ring, NOW)
        assert (grant.claims.expires, grant.query) == (EXPIRES, "size=large")
    for cookies in (first, second, third):
        pairs = tuple((name, str(value)) for name, value in cookies.items())
        grant = door.admit(replace(request(URL), cookies=pairs), ring, NOW)
        assert (grant.claims.expires, grant.transport) == (EXPIRES, Transport.COOKIE)
    ours = door.sign(URL, Claims(expires=EXPIRES, urls=ExactUrl(URL)), ring, NOW)
    assert parse_qs(urlsplit(ours).query) == parse_qs(urlsplit(urls[0]).query)
    stranger = replace(request(urls[1]), client=ip_address("198.51.100.1"))
    with pytest.raises(Denied) as denied:
        door.admit(stranger, ring, NOW)
    assert denied.value.reason is Reason.WRONG_NETWORK
